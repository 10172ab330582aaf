using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Ia3;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>Factors of what linear maps read and yield.</summary>
public sealed class Ia3Tests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("bert", "self.key,self.value,output.dense", "output.dense")]
    [InlineData("distilbert", "attention.k_lin,attention.v_lin,ffn.lin2", "ffn.lin2")]
    [InlineData("gpt2", "attn.c_attn,mlp.c_proj", "mlp.c_proj")]
    [InlineData("llama", "self_attn.k_proj,self_attn.v_proj,mlp.down_proj", "mlp.down_proj")]
    public void Says_By_Name_What_It_Scales(string architecture, string targets, string inputs)
    {
        using var bench = new Bench(architecture);
        var options = (Ia3Options)bench.Add("ia3").Options;
        Assert.Equal(targets.Split(',').Order(), options.TargetModules!.Names!.Order());
        Assert.Equal(inputs.Split(','), options.FeedForwardModules!.Names);
    }

    // The factor scales what LoRA adds as well, in a forward and in merging.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Merges_With_What_Is_Added_At_The_Same_Maps(bool lora)
    {
        foreach (var architecture in (string[])["bert", "gpt2"])
        {
            using var bench = new Bench(architecture, ScalarType.Float64);
            MethodOptions[] parts =
            [
                new Ia3Options { TargetModules = new("all-linear") },
                lora
                    ? new LoraOptions { TargetModules = new("all-linear"), LoraBias = true }
                    : new LoraOptions { UseDora = true, TargetModules = new("all-linear") },
            ];
            var adapter = bench.Add(new UnionOptions { Parts = parts });
            Bench.Disturb(adapter);
            var adapted = bench.Logits(adapter);
            bench.Peft.Merge(adapter.Name);
            Bits.AssertClose(adapted, bench.Logits(AdapterSelection.None), Rounding.Exact, $"The merged output of {architecture}");
        }
    }

    [Fact]
    public void Two_Factors_Of_One_Map_Multiply_And_Merge()
    {
        using var bench = new Bench("llama", ScalarType.Float64);
        var adapter = bench.Add(
            new UnionOptions
            {
                Parts =
                    [new Ia3Options(), new Ia3Options { TargetModules = new(["v_proj", "o_proj"]), FeedForwardModules = new(["v_proj"]) }],
            });
        Bench.Disturb(adapter);
        var adapted = bench.Logits(adapter);
        bench.Peft.Merge(adapter.Name);
        Bits.AssertClose(adapted, bench.Logits(AdapterSelection.None), Rounding.Exact, "The merged output");
    }

    [Fact]
    public void Chosen_Sides_Come_Back_From_Disk()
    {
        using var bench = new Bench("bert");
        var adapter =
            bench.Add(new Ia3Options { TargetModules = new("all-linear"), FeedForwardModules = new(["query", "intermediate.dense"]) });
        Bench.Disturb(adapter);
        AdapterFolder.Save(adapter, _folder.Root);
        using var fresh = new Bench("bert");
        var loaded = AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output");
        Assert.Equal([1, 32], loaded.Tensors.First(t => t.Path.EndsWith(".query", StringComparison.Ordinal)).Value.shape);
        Assert.Equal([32, 1], loaded.Tensors.First(t => t.Path.EndsWith(".key", StringComparison.Ordinal)).Value.shape);
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(
            bench, () => bench.Add(new Ia3Options { TargetModules = new(["key"]), FeedForwardModules = new(["value"]) }),
            "feedforward_modules", "\"value\"");
        Refusal.Of(bench, () => bench.Add(new Ia3Options { FanInFanOut = true }), "fan_in_fan_out");
        foreach (
            var (field, value) in (
                (string, JsonNode)[])[("r", 2), ("alpha", 2.0), ("dropout", 0.5), ("use_gating", true),
                ("attn_matrices", new JsonArray("z"))])
        {
            var config = new JsonObject { ["architecture"] = "lora", ["composition_mode"] = "scale", [field] = value };
            Refusal.Sentence(() => MethodRegistry.FromAdapterHub(config, "adapter_config.json"), "IA3", field);
        }
    }

    [Fact]
    public void AdapterHubs_Parts_Of_One_Map_Are_Kept_Under_Its_Name()
    {
        using var bench = new Bench("gpt2");
        var adapter = bench.Add("ia3-adapterhub");
        AdapterFolder.Save(adapter, _folder.Root);
        using var file = PeftSharp.Files.SafetensorsFile.Open(AdapterFolder.Open(_folder.Root).WeightsFile);
        Assert.Equal([64, 1], file.Tensors["transformer.h.0.attn.c_attn.loras.first.lora_B"].Shape);
        Assert.Equal([56, 1], file.Tensors["transformer.h.0.mlp.c_fc.loras.first.lora_B"].Shape);
    }

    public void Dispose() => _folder.Dispose();
}
