using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>Bottlenecks whose activation has a slope that is trained (prelu).</summary>
public sealed class LearnedSlopeTests
{
    private static readonly BottleneckOptions Options = new() { AfterAttention = true, NonLinearity = "prelu", ReductionFactor = 4 };

    private static readonly BottleneckOptions Inverted = Options with { Invertible = "nice", NormBefore = true };

    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    public void Its_Known_Slopes_Are_Known_Activations(string architecture)
    {
        (double Slope, string Name)[] known = [(0, "relu"), (1, "linear"), (0.01, "leaky_relu")];
        foreach (var (slope, name) in known)
        {
            using Bench bench = new(architecture, ScalarType.Float64), plain = new(architecture, ScalarType.Float64);
            var adapter = bench.Add(Inverted);
            var twin = plain.Add(Inverted with { NonLinearity = name });
            using var guard = no_grad();
            foreach (var (tensor, i) in adapter.Tensors.Select((tensor, i) => (tensor, i)))
            {
                if (tensor.Local.EndsWith("f.weight", StringComparison.Ordinal)) tensor.Value.fill_(slope);
                else
                {
                    var value = Initial.Normal(tensor.Value.shape, 0.3, (ulong)i).to(ScalarType.Float64);
                    foreach (var own in (Tensor[])[tensor.Value, twin.Tensors.Single(t => t.Name == tensor.Name).Value]) own.copy_(value);
                }
            }
            Bits.AssertClose(plain.Logits(twin), bench.Logits(adapter), Rounding.Exact, name);
        }
    }

    // A slope each for two bottlenecks of two layers, from 0.25.
    [Fact]
    public void Each_Bottleneck_Has_One()
    {
        using var bench = new Bench("bert");
        var slopes = bench.Add(Options).Tensors.Where(t => t.Local == "non_linearity.f.weight").ToList();
        Assert.Equal(4, slopes.Count);
        Assert.All(slopes, slope => Assert.Equal([0.25f], slope.Value.data<float>().ToArray()));
        Assert.All(slopes, slope => Assert.False(slope.Decay));
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    [InlineData("t5")]
    public void Follows_The_Slope_Of_The_Loss(string architecture) =>
        GradientTests.Agrees(architecture, architecture == "t5" ? Options with { AfterCrossAttention = true } : Inverted);

    [Theory]
    [InlineData(AdapterFormat.AdapterHub, "bert.encoder.layer.1.output.adapters.first.non_linearity.f.weight")]
    [InlineData(AdapterFormat.Peft, "base_model.model.bert.encoder.layer.1.output.non_linearity.f.weight")]
    public void Comes_Back_Bit_For_Bit(AdapterFormat format, string name)
    {
        using Bench bench = new("bert"), fresh = new("bert");
        using var folder = new TempFolder();
        var adapter = bench.Add(Inverted);
        bench.Train(adapter);
        AdapterFolder.Save(adapter, folder.Root, format);
        var opened = AdapterFolder.Open(folder.Root);
        Dictionary<string, Tensor> saved;
        using (var file = SafetensorsFile.Open(opened.WeightsFile))
            saved = file.Tensors.Keys.ToDictionary(key => key, key => file.Read(key).clone());
        Assert.Contains(name, saved.Keys);
        if (format == AdapterFormat.AdapterHub)
        {
            Assert.Contains("bert.invertible_adapters.first.F.1.f.weight", saved.Keys);
            // Its own module lists the activation among those of the lower part too, behind the norm.
            saved.Add(name.Replace("non_linearity", "adapter_down.2", StringComparison.Ordinal), saved[name]);
            SafetensorsWriter.Write(opened.WeightsFile, saved);
        }
        var loaded = AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output after saving and loading");
    }

    // Other networks have no place for a slope.
    [Fact]
    public void Where_Nothing_Could_Hold_It_The_Name_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new PrefixOptions { Projection = true, NonLinearity = "prelu" }), "\"prelu\"", "tanh");
        Refusal.Of(bench, () => bench.Add(Options with { NonLinearity = "gulu" }), "\"gulu\"", "prelu");
    }
}
