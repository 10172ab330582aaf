using System.Text.Json.Nodes;
using PeftSharp.Composition.Foreign;
using PeftSharp.Formats;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.XLora;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>X-LoRA with experts that were trained before, as folders.</summary>
public sealed class XLoraExpertsTests
{
    private static readonly LoraOptions[] Trained =
    [
        new() { Rank = 2, Alpha = 6 },
        new() { Rank = 3, TargetModules = new("all-linear") },
        new() { Rank = 5, UseRsLora = true, LayersToTransform = new([1]) },
    ];

    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    [InlineData("gpt2")]
    [InlineData("t5")]
    [InlineData("deberta-v2")]
    [InlineData("albert")]
    [InlineData("opt")]
    public void Weights_That_Are_One_Leave_Their_Expert_Alone_And_Equal_Ones_Make_The_Mean(string architecture)
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        using Bench plain = new(architecture, ScalarType.Float64), bench = new(architecture, ScalarType.Float64);
        var (loras, options) = Experts(plain, folder);
        var adapter = bench.Add(options);
        var bias = adapter.Tensors.Single(t => t.Local.EndsWith("layers.0.bias", StringComparison.Ordinal)).Value;
        using var guard = no_grad();
        adapter.Tensors.Single(t => t.Local.EndsWith("layers.0.weight", StringComparison.Ordinal)).Value.zero_();
        for (var expert = 0; expert < loras.Count; expert++)
        {
            bias.zero_()[expert].fill_(1e4);
            Bits.AssertClose(plain.Logits(loras[expert]), bench.Logits(adapter), Rounding.Exact, $"Expert {expert}");
        }
        bias.zero_();
        var mean = AdapterComposition.AverageOf([.. loras.Select(lora => (AdapterComposition.Of(lora.Tag), 1.0))]);
        Bits.AssertClose(plain.Logits(AdapterSelection.Of(mean)), bench.Logits(adapter), Rounding.Exact, "The mean");
    }

    [Theory]
    [InlineData(null)]
    [InlineData(true)]
    public void They_Stay_As_They_Are_Unless_They_Are_To_Be_Trained(bool? trained)
    {
        using var folder = new TempFolder();
        using Bench plain = new("bert"), bench = new("bert");
        var (_, options) = Experts(plain, folder);
        var adapter = bench.Add(options with { TrainsExperts = trained });
        static bool IsFactor(AdapterTensor tensor) => tensor.Local.StartsWith("lora_", StringComparison.Ordinal);
        Assert.NotEqual(trained == true, adapter.Frozen.Any(IsFactor));
        Assert.Equal(trained == true, adapter.Tensors.Any(IsFactor));
        var before = adapter.Tensors.Concat(adapter.Frozen).Select(t => (Tensor: t, Value: t.Value.detach().clone())).ToList();
        bench.Train(adapter, training: true);
        foreach (var (tensor, value) in before)
            Assert.Equal(trained != true && IsFactor(tensor), Bits.Same(value, tensor.Value));
    }

    [Fact]
    public void The_Adapter_Holds_Them_Itself()
    {
        using var folder = new TempFolder();
        using Bench plain = new("llama"), bench = new("llama"), fresh = new("llama");
        var (_, options) = Experts(plain, folder);
        var adapter = bench.Add(options with { Depth = 2, Size = 6, PerMap = true });
        bench.Train(adapter);
        AdapterFolder.Save(adapter, folder.File("whole"));
        foreach (var given in options.Adapters!.Values) Directory.Delete(given, recursive: true);
        var loaded = AdapterFolder.Open(folder.File("whole")).LoadInto(fresh.Peft);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output after saving and loading");
        Assert.Equal(adapter.Tensors.Select(t => t.Name), loaded.Tensors.Select(t => t.Name));
        // peft finds its own fields, and the folders that were named.
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File("whole"), "adapter_config.json")))!;
        Assert.Equal("XLORA", json["peft_type"]!.GetValue<string>());
        Assert.Equal(32, json["hidden_size"]!.GetValue<int>());
        Assert.False(json["use_trainable_adapters"]!.GetValue<bool>());
        Assert.Equal(options.Adapters.Values, json["adapters"]!.AsObject().Select(pair => pair.Value!.GetValue<string>()));
    }

    [Fact]
    public void A_Run_Is_Taken_Up_With_The_Experts_That_It_Began_With()
    {
        using var folder = new TempFolder();
        using Bench plain = new("bert"), first = new("bert"), second = new("bert"), third = new("bert");
        var (loras, options) = Experts(plain, folder);
        var begun = first.Add(options);
        var (state, json) = (begun.State, begun.StateJson);
        second.Add(options).RestoreState(state, json?.DeepClone());
        loras[1].Tensors[0].Value.detach().mul_(2);
        AdapterFolder.Save(loras[1], options.Adapters!["1"], AdapterFormat.Peft);
        var other = third.Add(options);
        Refusal.Sentence(() => other.RestoreState(state, json?.DeepClone()), "XLORA", "began with");
        Refusal.Sentence(() => other.RestoreState(state, null), "XLORA", "began with");
    }

    [Fact]
    public void What_Cannot_Be_An_Expert_Is_Refused()
    {
        using var folder = new TempFolder();
        using Bench plain = new("bert"), wider = new("bert", width: 48), bench = new("bert");
        var (_, options) = Experts(plain, folder);
        void Refused(string path, params string[] parts) => Refusal.Of(
            bench, () => bench.Add(new XLoraOptions { Adapters = new Dictionary<string, string> { ["0"] = path } }), parts);
        Refused(folder.File("nowhere"), "\"0\"", "nowhere", "adapter_config.json");
        string Saved(Bench of, MethodOptions settings, string name)
        {
            AdapterFolder.Save(of.Add(settings, name), folder.File(name), AdapterFormat.Peft);
            return folder.File(name);
        }
        Refused(Saved(plain, new LoraOptions { UseDora = true }, "dora"), "\"adapters.0\"", "use_dora");
        Refused(Saved(plain, MethodRegistry.Options("ia3"), "ia3"), "\"adapters.0\"", "IA3");
        Refused(Saved(wider, new LoraOptions(), "wider"), "wider", "shape");
        Refusal.Of(bench, () => bench.Add(options with { DrawnExperts = 2 }), "\"num_experts\" is 2", "adapters");

        // The classifier alone, as peft writes it.
        AdapterFolder.Save(bench.Add(options, "whole"), folder.File("whole"));
        var config = Path.Combine(folder.File("whole"), "adapter_config.json");
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(config))!;
        json.Remove("experts");
        File.WriteAllText(config, json.ToJsonString());
        Refusal.Of(bench, () => AdapterFolder.Open(folder.File("whole")).LoadInto(bench.Peft, "again"), "\"experts\"", "classifier alone");
    }

    [Fact]
    public void A_Network_Of_Other_Modules_Is_Refused()
    {
        using var network = nn.Sequential(("first", nn.Linear(8, 8)));
        using var adapted = network.Adapted();
        Refusal.Sentence(() => adapted.Add(new XLoraOptions(), "mine"), "XLORA", "first pass");
    }

    // Trained LoRAs of a model, and the settings that make experts of their folders.
    private static (List<PeftMethod> Loras, XLoraOptions Options) Experts(Bench bench, TempFolder folder)
    {
        var given = new Dictionary<string, string>();
        var loras = new List<PeftMethod>();
        using var guard = no_grad();
        foreach (var (settings, i) in Trained.Select((settings, i) => (settings, i)))
        {
            var lora = bench.Add(settings, $"expert{i}", 20 + (ulong)i);
            // Heads stay the base's, for the whole has one of its own.
            foreach (var (tensor, t) in lora.Tensors.Where(t => !t.SavedModule).Select((tensor, t) => (tensor, t)))
                tensor.Value.Increase(Initial.Normal(tensor.Value.shape, 0.2, (ulong)(1000 * i + t)).to(tensor.Value.dtype));
            given.Add($"{i}", folder.File($"expert{i}"));
            AdapterFolder.Save(lora, folder.File($"expert{i}"), AdapterFormat.Peft);
            loras.Add(lora);
        }
        return (loras, new XLoraOptions { Adapters = given });
    }
}
