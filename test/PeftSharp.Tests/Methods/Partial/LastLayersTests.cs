using PeftSharp.Methods;
using PeftSharp.Methods.Partial.LastLayers;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Fine-tuning by place.</summary>
public sealed class LastLayersTests
{
    [Fact]
    public void The_Top_Layer_What_Stands_Above_It_And_The_Head_Are_Trained()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new LastLayersOptions());
        Assert.Equal(["bert.encoder.layer.1", "bert.pooler", "classifier"], adapter.Tensors.Select(Place).Distinct().Order());
        using var llama = new Bench("llama");
        Assert.Equal(
            ["model.layers.0", "model.norm", "score"],
            llama.Add(new LastLayersOptions { Layers = new([0]) }).Tensors.Select(Place).Distinct().Order());
    }

    [Theory]
    [InlineData("attention", "self.query,self.key,self.value,attention.output.dense")]
    [InlineData("feed_forward", "intermediate.dense,1.output.dense")]
    [InlineData("norm", "output.LayerNorm")]
    public void A_Component_Of_A_Layer_Is_Trained_Alone(string component, string ends)
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new LastLayersOptions { Components = [component], Above = false });
        var paths = adapter.Tensors.Where(t => !t.SavedModule).Select(t => t.Path).Distinct().ToList();
        Assert.All(paths, path => Assert.Contains(ends.Split(','), end => path.EndsWith(end, StringComparison.Ordinal)));
        Assert.Equal(component switch { "attention" => 4, _ => 2 }, paths.Count);
    }

    // Two layers: the top one at rate · 0.5, the lower at rate · 0.25, the embeddings at rate · 0.125.
    [Fact]
    public void Rates_Fall_Layer_By_Layer()
    {
        using var bench = new Bench("roberta");
        var adapter = bench.Add(new LastLayersOptions { Count = 9, Embeddings = true, RateDecay = 0.5 });
        Assert.All(adapter.Tensors, t => Assert.Equal(Place(t) switch
        {
            "roberta.encoder.layer.1" => 0.5,
            "roberta.encoder.layer.0" => 0.25,
            "roberta.embeddings" => 0.125,
            _ => 1,
        }, t.RateFactor));
        Assert.Equal(bench.Sites.Count, adapter.TrainedWeights);
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new LastLayersOptions { Layers = new([2]) }), "layers", "0 to 1");
        Refusal.Of(bench, () => bench.Add(new LastLayersOptions { Layers = new([1]), Count = 1 }), "last_layers");
        Refusal.Of(bench, () => bench.Add(new LastLayersOptions { Count = 0 }), "last_layers");
        Refusal.Of(bench, () => bench.Add(new LastLayersOptions { RateDecay = 0 }), "rate_decay");
        Refusal.Of(bench, () => bench.Add(new LastLayersOptions { Components = ["memory"] }), "components", "\"memory\"");
    }

    private static string Place(AdapterTensor tensor)
    {
        var parts = tensor.Path.Split('.');
        var layer = Array.FindIndex(parts, part => int.TryParse(part, out _));
        if (layer >= 0) return string.Join('.', parts[..(layer + 1)]);
        return tensor.Path.Contains("embeddings", StringComparison.Ordinal) ? string.Join('.', parts[..2])
            : parts[0] is "classifier" ? parts[0]
            : string.Join('.', parts.Take(2));
    }
}
