using System.Collections.Concurrent;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;

namespace PeftSharp.Tests.Life;

/// <summary>
/// Compositions answer the same, bit for bit, while other threads add, load, rename and remove adapters, those that they name among them.
/// </summary>
public sealed class CompositionThreadsTests
{
    private const int Askers = 4, Calls = 30;

    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    public void Compositions_Stay_Right_While_Adapters_Come_And_Go(string architecture)
    {
        using var bench = new Bench(architecture);
        using var folder = new Files.TempFolder();
        foreach (
            var (method, name, seed) in (
                IEnumerable<(string, string, ulong)>)[("pfeiffer", "a", 70), ("pfeiffer", "b", 80), ("lora", "c", 90)])
            Bench.Disturb(bench.Add(method, name, seed), seed: seed);
        Bench.Disturb(bench.Peft.AddFusion(["a", "b"]));
        AdapterFolder.Save(bench.Peft["c"], folder.Root, AdapterFormat.Peft);
        var plain = bench.BaseTensors();
        AdapterSelection[] selections =
        [
            bench.Peft.Select("stack(c,a)"), bench.Peft.Select("average(a:1,b:2,c:1)"), bench.Peft.Select("fuse(a,b)"),
            bench.Peft.Select("split(a:3,b)"),
            bench.Peft.SelectPerRow(["stack(c,fuse(a,b))", null, "average(a,c)", "split(b:2,a)"]),
        ];
        var expected = selections.Select(selection => Ask(bench, selection)).ToArray();
        var failures = new ConcurrentQueue<string>();
        using var over = new CancellationTokenSource();
        Thread[] changers =
        [
            Changer(failures, over.Token, i =>
            {
                bench.Add(i % 2 == 0 ? "pfeiffer" : "lora", $"new {i}", (ulong)i);
                Ask(bench, bench.Peft.Select($"stack(\"new {i}\",c)"));
                bench.Peft.Remove($"new {i}");
            }),
            Changer(failures, over.Token, i =>
            {
                AdapterFolder.Open(folder.Root).LoadInto(bench.Peft, $"loaded {i}");
                bench.Peft.Rename($"loaded {i}", $"renamed {i}");
                bench.Peft.Remove($"renamed {i}");
            }),
            // A member of every composition has another name for a while.
            Changer(failures, over.Token, _ =>
            {
                bench.Peft.Rename("b", "other");
                bench.Peft.Rename("other", "b");
            }),
        ];
        var askers = Enumerable.Range(0, Askers).Select(first => new Thread(() => Try(failures, () =>
        {
            for (var i = 0; i < Calls; i++)
            {
                var which = (first + i) % selections.Length;
                if (!expected[which].SequenceEqual(Ask(bench, selections[which])))
                    failures.Enqueue($"{selections[which]} answered otherwise");
            }
        }))).ToArray();
        foreach (var thread in askers) thread.Start();
        foreach (var thread in askers) thread.Join();
        over.Cancel();
        foreach (var thread in changers) thread.Join();
        Assert.Empty(failures);
        Bits.AssertSame(plain, bench.BaseTensors());
        Assert.Equal(["a", "b", "c", "a,b"], bench.Peft.Adapters.Keys);
    }

    private static float[] Ask(Bench bench, AdapterSelection selection)
    {
        using var output = bench.Peft.Forward(bench.Batch, selection);
        return output.Logits.data<float>().ToArray();
    }

    private static Thread Changer(ConcurrentQueue<string> failures, CancellationToken over, Action<int> change)
    {
        var thread = new Thread(() => Try(failures, () =>
        {
            for (var i = 0; !over.IsCancellationRequested; i++) change(i);
        }));
        thread.Start();
        return thread;
    }

    private static void Try(ConcurrentQueue<string> failures, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e)
        {
            failures.Enqueue(e.ToString());
        }
    }
}
