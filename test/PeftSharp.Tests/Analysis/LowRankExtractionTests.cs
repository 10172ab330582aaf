using PeftSharp.Analysis;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Analysis;

/// <summary>A full fine-tuning written as a LoRA: exact at full rank, closer the higher the rank.</summary>
public sealed class LowRankExtractionTests
{
    [Theory]
    [InlineData("bert")]
    [InlineData("roberta")]
    [InlineData("distilbert")]
    public void At_full_rank_it_answers_as_the_whole_and_below_it_keeps_less(string architecture)
    {
        using var bench = new Bench(architecture);
        var full = bench.Add("full");
        bench.Train(full);
        var expected = bench.Logits(full);
        var (exact, everything) = LowRankExtraction.Extract(bench.Peft, full, 32, "r32");
        Bits.AssertClose(expected, bench.Logits(exact), 1e-4, "The output at full rank");
        Assert.Equal(1, everything, 6);
        var energies = new[] { 1, 2, 8 }.Select(r => LowRankExtraction.Extract(bench.Peft, full, r, $"r{r}").Energy).ToList();
        Assert.Equal(energies.Order(), energies);
        Assert.InRange(energies[0], 0.01, 0.95);
        Bits.AssertDiffers(expected, bench.Logits(bench.Peft["r1"]), "Cutting to rank one");
        var analysis = AdapterAnalysis.Of(bench.Peft, bench.Peft["r2"]);
        Assert.All(analysis.Spectra(), s => Assert.True(s.NumericalRank <= 2));
    }

    private static bool IsTable(AdapterTensor tensor) =>
        tensor.Path is "shared" or "transformer.shared" || tensor.Path.EndsWith("relative_attention_bias", StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(MatrixCases.Mergeable), MemberType = typeof(MatrixCases))]
    public void Any_mergeable_method_that_changes_matrices_can_be_extracted_saved_and_read(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        bench.Train(adapter);
        if (AdapterAnalysis.Of(bench.Peft, adapter, rounding: false).Matrices.All(m => m.Place.Group == MatrixGroup.Head))
        {
            Refusal.Of(bench, () => LowRankExtraction.Extract(bench.Peft, adapter, 4), "no matrix");
            return;
        }
        if (architecture == "t5" && adapter.Tensors.Any(IsTable))
        {
            Refusal.Of(bench, () => LowRankExtraction.Extract(bench.Peft, adapter, 4), "a LoRA cannot say that");
            return;
        }
        var (extracted, _) = LowRankExtraction.Extract(bench.Peft, adapter, 32);
        Bits.AssertClose(bench.Logits(adapter), bench.Logits(extracted), 1e-4, "The output at full rank");
        using var folder = new TempFolder();
        AdapterFolder.Save(extracted, folder.Root, AdapterFormat.Peft);
        using var fresh = new Bench(architecture);
        Bits.AssertSame(
            bench.Logits(extracted), fresh.Logits(AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft)),
            "The output after saving and loading");
    }

    [Fact]
    public void What_is_no_change_of_weights_is_refused_and_nothing_is_left()
    {
        using var bench = new Bench("bert");
        var prefix = bench.Add("prefix");
        Refusal.Of(bench, () => LowRankExtraction.Extract(bench.Peft, prefix, 4), "not a change of weights");
        Assert.Equal(["first"], bench.Peft.Adapters.Keys);
    }
}
