using System.Collections.Concurrent;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Life;

/// <summary>
/// Eight threads ask while others add, load, select, rename, merge and remove: every answer is the one that a single thread gets, and
/// nothing stays behind.
/// </summary>
[Collection(nameof(CountingTensors))]
public sealed class ThreadsTests
{
    private const int Askers = 8, Calls = 40;

    [Theory]
    [InlineData("bert")]
    [InlineData("roberta")]
    [InlineData("distilbert")]
    public void Answers_Stay_Right_While_Adapters_Come_And_Go(string architecture)
    {
        using var bench = new Bench(architecture);
        using var folder = new Files.TempFolder();
        string[] methods = ["lora", "unipelt", "bitfit", "prefix", "prompt", "houlsby"];
        foreach (var method in methods) bench.Train(bench.Add(method, method));
        AdapterFolder.Save(bench.Peft["lora"], folder.Root, AdapterFormat.Peft);
        AdapterSelection[] selections =
        [
            AdapterSelection.None, .. methods.Select(m => bench.Peft.Select(m)),
            bench.Peft.SelectPerRow(["lora", null, "prefix", "prompt"]), bench.Peft.SelectPerRow(["unipelt", "bitfit", "houlsby", "lora"]),
        ];
        var expected = selections.Select(s => Ask(bench, s)).ToArray();
        // The base with what is merged in the meantime: before or after, never between.
        bench.Peft.Merge("lora");
        var merged = Ask(bench, AdapterSelection.None);
        bench.Peft.Unmerge();
        LiveTensors.Settle();
        LiveTensors.Measure(since =>
        {
            var failures = new ConcurrentQueue<string>();
            using var over = new CancellationTokenSource();
            Thread[] changers =
            [
                Start(failures, over.Token, i =>
                {
                    bench.Add(methods[i % methods.Length], $"new {i}", (ulong)i);
                    Ask(bench, bench.Peft.Select($"new {i}"));
                    bench.Peft.Rename($"new {i}", $"newer {i}");
                    bench.Peft.Remove($"newer {i}");
                }),
                Start(failures, over.Token, i =>
                {
                    var loaded = AdapterFolder.Open(folder.Root).LoadInto(bench.Peft, $"loaded {i}");
                    Ask(bench, AdapterSelection.Of(loaded.Tag));
                    bench.Peft.Remove($"loaded {i}");
                }),
                Start(failures, over.Token, _ =>
                {
                    bench.Peft.Merge("lora");
                    bench.Peft.Unmerge();
                }),
            ];
            var askers = Enumerable.Range(0, Askers).Select(a => new Thread(() => Try(failures, () =>
            {
                for (var i = 0; i < Calls; i++)
                {
                    var which = (a + i) % selections.Length;
                    var answer = Ask(bench, selections[which]);
                    // Other adapters act on the merged base while it is merged; which of the two it was cannot be told for them here.
                    var right = which == 0 ? Close(expected[0], answer) || Close(merged, answer) : which != 1 || Close(expected[1], answer);
                    if (!right) failures.Enqueue($"selection {which} answered otherwise");
                }
            }))).ToArray();
            foreach (var thread in askers) thread.Start();
            foreach (var thread in askers) thread.Join();
            over.Cancel();
            foreach (var thread in changers) thread.Join();
            Assert.Empty(failures);
            for (var i = 0; i < selections.Length; i++) Assert.True(Close(expected[i], Ask(bench, selections[i])));
            LiveTensors.Settle();
            Assert.Equal(0, since());
        });
    }

    [Fact]
    public void Every_Selection_Answers_As_Alone_While_Others_Are_Added_And_Removed()
    {
        using var bench = new Bench("bert");
        using var folder = new Files.TempFolder();
        string[] methods = ["lora", "unipelt", "bitfit", "prefix", "prompt", "houlsby"];
        foreach (var method in methods) bench.Train(bench.Add(method, method));
        AdapterSelection[] selections =
        [
            AdapterSelection.None, .. methods.Select(m => bench.Peft.Select(m)),
            bench.Peft.SelectPerRow(["lora", null, "prefix", "prompt"]), bench.Peft.SelectPerRow(["unipelt", "bitfit", "houlsby", "lora"]),
        ];
        var expected = selections.Select(s => Ask(bench, s)).ToArray();
        var failures = new ConcurrentQueue<string>();
        using var over = new CancellationTokenSource();
        AdapterFolder.Save(bench.Peft["lora"], folder.Root, AdapterFormat.Peft);
        Thread[] changers =
        [
            Start(failures, over.Token, i =>
            {
                bench.Add(methods[i % methods.Length], $"new {i}", (ulong)i);
                bench.Peft.Remove($"new {i}");
            }),
            Start(failures, over.Token, i =>
            {
                AdapterFolder.Open(folder.Root).LoadInto(bench.Peft, $"loaded {i}");
                if (!Close(expected[1], Ask(bench, bench.Peft.Select($"loaded {i}"))))
                    failures.Enqueue("a loaded adapter answered otherwise");
                bench.Peft.Remove($"loaded {i}");
            }),
        ];
        var askers = Enumerable.Range(0, Askers).Select(a => new Thread(() => Try(failures, () =>
        {
            for (var i = 0; i < Calls; i++)
                if (!Close(expected[(a + i) % expected.Length], Ask(bench, selections[(a + i) % selections.Length])))
                    failures.Enqueue("another answer");
        }))).ToArray();
        foreach (var thread in askers) thread.Start();
        foreach (var thread in askers) thread.Join();
        over.Cancel();
        foreach (var thread in changers) thread.Join();
        Assert.Empty(failures);
    }

    private static float[] Ask(Bench bench, AdapterSelection selection)
    {
        using var output = bench.Peft.Forward(bench.Batch, selection);
        return output.Logits.data<float>().ToArray();
    }

    private static bool Close(float[] expected, float[] found) =>
        expected.Zip(found).All(pair => Math.Abs(pair.First - pair.Second) <= Rounding.Of(TinyModels.LongestSum));

    private static Thread Start(ConcurrentQueue<string> failures, CancellationToken over, Action<int> change)
    {
        var thread = new Thread(() => Try(failures, () =>
        {
            for (var i = 0; !over.IsCancellationRequested; i++) change(i);
        }));
        thread.Start();
        return thread;
    }

    private static void Try(ConcurrentQueue<string> failures, Action body)
    {
        try
        {
            body();
        }
        catch (Exception e)
        {
            failures.Enqueue(e.ToString());
        }
    }
}
