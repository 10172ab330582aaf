using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Life;

/// <summary>What changes while a call is under way changes nothing for that call.</summary>
public sealed class UnderWayTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Two), MemberType = typeof(MatrixCases))]
    public void A_Removed_Adapter_Serves_The_Call_To_Its_End(string architecture, string method)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapter = bench.Add(method);
        Check(bench, AdapterSelection.Of(adapter.Tag), () => bench.Peft.Remove("first"));
        Assert.All(bench.Sites.Slots, slot => Assert.False(slot.Value.IsInvalid));
        Assert.Empty(bench.Peft.Adapters);
        Assert.Equal(0, bench.Plugins);
    }

    [Theory]
    [MemberData(nameof(MatrixCases.Mergeable), MemberType = typeof(MatrixCases))]
    public void Merging_And_Unmerging_Are_Seen_By_Later_Calls_Alone(string architecture, string method)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        bench.Train(bench.Add(method));
        var adapted = bench.Logits(bench.Peft["first"]);
        var mine = bench.Peft.Select("first");
        Check(bench, AdapterSelection.None, () => bench.Peft.Merge("first"));
        Check(bench, AdapterSelection.None, bench.Peft.Unmerge);
        Check(bench, AdapterSelection.None, () =>
        {
            bench.Peft.Merge("first");
            bench.Peft.Unmerge();
            bench.Peft.Merge("first");
        });
        Check(bench, AdapterSelection.None, () => bench.Peft.Remove("first"));
        Assert.Null(bench.Peft.Merged);
        bench.Train(bench.Add(method, "second"));
        // Chosen before the adapter was merged: it acts once, not twice.
        var before = bench.Peft.Select("second");
        var expected = bench.Logits(before);
        bench.Peft.Merge("second");
        Bits.AssertSame(expected, bench.Logits(before), "The answer to a selection from before merging");
        GC.KeepAlive((adapted, mine));
    }

    [Fact]
    public void A_Disposed_Model_Serves_The_Call_To_Its_End()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add("lora");
        Check(bench, AdapterSelection.Of(adapter.Tag), bench.Peft.Dispose);
        Assert.All(bench.Sites.Slots, slot => Assert.True(((slot as TensorSlot)?.Base ?? ((WeightSlot)slot).Base.Dense()).IsInvalid));
    }

    [Fact]
    public void A_Renamed_Adapter_Stays_The_Same()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add("unipelt");
        var (selection, expected) = (bench.Peft.Select("first"), bench.Logits(adapter));
        bench.Peft.Rename("first", "better");
        Assert.Equal("better", adapter.Name);
        Bits.AssertSame(expected, bench.Logits(selection), "The answer");
        Bits.AssertSame(expected, bench.Logits(bench.Peft.Select("better")), "The answer");
        Refusal.Sentence(() => bench.Peft.Select("first"), "\"first\"", "better");
        bench.Add("lora", "first");
        Refusal.Sentence(() => bench.Peft.Rename("first", "better"), "\"better\"");
        Refusal.Sentence(() => bench.Peft.Rename("nobody", "better"), "\"nobody\"");
        Assert.Contains(adapter.SavedTensors(AdapterFormat.AdapterHub), t => t.Key.Contains(".better.", StringComparison.Ordinal));
    }

    // The change happens while a call stands between its two layers. Another thread may sum with other helpers: equality is judged in
    // float64.
    private static void Check(Bench bench, AdapterSelection selection, Action change)
    {
        using var expected = bench.Logits(selection);
        var gate = new Gate();
        var tag = new AdapterTag("gate");
        var undo = bench.Sites.Layers[1].Plugins.Add(tag, gate);
        var call = Task.Run(() =>
        {
            using var output = bench.Peft.Forward(bench.Batch, AdapterSelection.Of([.. selection.Adapters, tag]));
            return output.Logits.data<double>().ToArray();
        });
        gate.Reached.Wait();
        change();
        gate.Open.Set();
        var found = call.GetAwaiter().GetResult();
        undo();
        var wanted = expected.data<double>().ToArray();
        Assert.Equal(wanted.Length, found.Length);
        Assert.All(wanted.Zip(found), pair => Assert.Equal(pair.First, pair.Second, Rounding.Exact));
    }

    private sealed class Gate : ILayerPlugin
    {
        public ManualResetEventSlim Reached { get; } = new();

        public ManualResetEventSlim Open { get; } = new();

        public Tensor Transform(Tensor hidden, ForwardContext context)
        {
            Reached.Set();
            Open.Wait();
            return hidden;
        }
    }
}
