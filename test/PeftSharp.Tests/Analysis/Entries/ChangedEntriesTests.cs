using PeftSharp.Analysis.Entries;
using PeftSharp.Cli.Analysis;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Partial.Fish;
using PeftSharp.Methods.Partial.Mask;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Analysis.Entries;

/// <summary>Which single weights adapters change, and which they have in common.</summary>
public sealed class ChangedEntriesTests
{
    private static readonly ChangedTensor[] One =
    [
        new("e.weight", "embeddings", "e", 10, [0, 3]),
        new("l.0.q.weight", "l.0", "q", 20, [1, 2, 5, 19]),
        new("l.0.q.bias", "l.0", "q", 4, [3]),
        new("l.1.q.weight", "l.1", "q", 20, []),
    ];

    private static readonly ChangedTensor[] Two =
    [
        new("e.weight", "embeddings", "e", 10, []),
        new("l.0.q.weight", "l.0", "q", 20, [2, 5, 6]),
        new("l.0.q.bias", "l.0", "q", 4, [0, 3]),
        new("l.1.q.weight", "l.1", "q", 20, [7]),
        new("other", "above", "other", 3, [0]),
    ];

    [Fact]
    public void Common_Entries_Are_Counted_By_Place()
    {
        Assert.Equal(
            [new("embeddings", "e", 2, 0, 0, 10), new("l.0", "q", 5, 5, 3, 24), new("l.1", "q", 0, 1, 0, 20)], EntryOverlap.Of(One, Two));
        var layer = EntryOverlap.Of(One, Two)[1];
        Assert.Equal((3.0 / 7, 3.0 / 5, 5.0 / 24), (layer.Jaccard, layer.OfSmaller, layer.Random));
        Assert.Equal(new EntryOverlap("", "all", 7, 6, 3, 54), EntryOverlap.Total(EntryOverlap.Of(One, Two)));
        Assert.True(double.IsNaN(EntryOverlap.Of(One, Two)[0].OfSmaller));
        Assert.Equal([new("embeddings", "e", 2, 10), new("l.0", "q", 5, 24), new("l.1", "q", 0, 20)], ChangedEntries.ByPlace(One));
    }

    [Fact]
    public void A_Heat_Map_Has_A_Row_For_Each_Layer()
    {
        var (rows, columns, values) = EntryPictures.Grid(
            ChangedEntries.ByPlace(One).ToDictionary(p => (p.Region, p.Module), p => p.Share));
        Assert.Equal(["embeddings", "l.0", "l.1"], rows);
        Assert.Equal(["q", "e"], columns);
        Assert.Equal([double.NaN, 0.2, 5.0 / 24, double.NaN, 0, double.NaN], values.Cast<double>());
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("t5")]
    public void They_Are_Those_That_Differ_From_The_Base(string architecture)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench(architecture);
        var adapter = bench.Add(new UnionOptions { Parts = [new LoraOptions { Rank = 2 }, new FishOptions { Keep = 0.03 }] });
        Bench.Disturb(adapter);
        var changed = ChangedEntries.Of(bench.Peft, adapter);
        foreach (var tensor in changed)
        {
            var slot = bench.Sites.Slots.Single(s => s.Name == tensor.Name);
            var differs = slot.Replaced(adapter.Tag)?.ne(slot.Value).reshape(-1).nonzero().reshape(-1).data<long>().ToArray() ?? [];
            Assert.Equal(differs, tensor.Positions);
        }
        var inside = changed.Where(t => t.Region.EndsWith(".1", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(inside);
        Assert.DoesNotContain(inside, t => t.Module.StartsWith(t.Region, StringComparison.Ordinal));
        Assert.Equal((long)(0.03 * changed.Sum(t => t.Count)), changed.Sum(t => (long)t.Positions.Count));
        Assert.Empty(ChangedEntries.Of(bench.Peft, bench.Add("lora", "dense")));
    }

    [Fact]
    public void Of_A_Learned_Mask_They_Are_The_Weights_That_Are_Switched_Off()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert");
        var adapter = bench.Add("threshold-mask");
        Assert.Equal(0, ChangedEntries.Of(bench.Peft, adapter).Sum(t => t.Positions.Count));
        Bench.Disturb(adapter, 0.01);
        foreach (var tensor in ChangedEntries.Of(bench.Peft, adapter))
        {
            var off = bench.Sites.Slots.Single(s => s.Name == tensor.Name).Replaced(adapter.Tag)!.eq(0).reshape(-1).nonzero().reshape(-1);
            Assert.Equal(off.data<long>().ToArray(), tensor.Positions);
            Assert.NotEmpty(tensor.Positions);
        }
    }

    [Fact]
    public void Random_Masks_Share_What_Chance_Gives_Them()
    {
        using var bench = new Bench("bert");
        MaskOptions random = new() { Keep = 0.3, Choice = "random" };
        var (one, two) = (bench.Add(random, "one", 1), bench.Add(random, "two", 2));
        var total = EntryOverlap.Total(EntryOverlap.Of(ChangedEntries.Of(bench.Peft, one), ChangedEntries.Of(bench.Peft, two)));
        Assert.Equal(total.First, total.Second);
        // Embedding tables, which such masks leave out, count among all.
        var outside = bench.Sites.Slots.Where(s => s.Kind != PeftSharp.Sites.SlotKind.Embedding && !one.IsHead(s.Module)).Sum(s => s.Count);
        Assert.InRange(total.OfSmaller, 0.95 * total.First / outside, 1.05 * total.First / outside);
        var self = EntryOverlap.Total(EntryOverlap.Of(ChangedEntries.Of(bench.Peft, one), ChangedEntries.Of(bench.Peft, one)));
        Assert.Equal((1.0, 1.0), (self.Jaccard, self.OfSmaller));
    }
}
