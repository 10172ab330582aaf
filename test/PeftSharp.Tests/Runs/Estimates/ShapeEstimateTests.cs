using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Runs.Estimates.Shapes;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Runs.Estimates;

/// <summary>Estimates from a configuration alone.</summary>
public sealed partial class ShapeEstimateTests
{
    private const string Llama65B = "layers=80,width=8192,heads=64,inner=22016,vocabulary=32000";

    public static TheoryData<string> AllArchitectures => [.. Architectures.All.Select(a => a.ModelType)];

    public static TheoryData<string> AllMethods => [.. MethodRegistry.All.Select(m => m.Name)];

    private static ModelConfig Tiny(string architecture) =>
        ModelConfig.From((JsonObject)JsonNode.Parse(Architectures.Find(architecture)!.Tiny(32))!);

    private static long Bytes(ShapeEstimate estimate, string line) => estimate.Memory.Single(l => l.Name == line).Bytes;

    [Theory]
    [MemberData(nameof(AllArchitectures))]
    public void Every_Architecture_Has_One_And_It_Moves_As_It_Must(string architecture)
    {
        ShapeEstimate Of(ShapeEstimateOptions options) => ShapeEstimate.Of(Tiny(architecture), TinySettings.Of("lora"), options);
        var plain = new ShapeEstimateOptions { BatchSize = 64, Length = 20, TokensPerPass = 0 };
        var estimate = Of(plain);
        Assert.All(estimate.Memory.Concat(estimate.Disk), line => Assert.True(line.Bytes >= 0 && line.Formula.Length > 0, line.Name));
        Assert.True(Bytes(estimate, "activations") > 0);
        Assert.Equal(2 * Bytes(estimate, "activations"), Bytes(Of(plain with { BatchSize = 128 }), "activations"));
        Assert.Contains(Of(plain with { Quantize = new Nf4Options() }).Memory, line => line.Name == "a weight unpacked");
        Assert.True(
            Bytes(Of(plain with { Compute = ComputeType.BFloat16 }), "weights of the layers") * 2
                == Bytes(estimate, "weights of the layers"));
        var again = Of(plain with { Checkpointing = true });
        Assert.True(Bytes(again, "inputs of layers") < Bytes(estimate, "activations"));
        // A batch above the limit goes through in parts.
        Assert.Equal(Bytes(Of(plain with { BatchSize = 4 }), "activations"), Bytes(Of(plain with { TokensPerPass = 80 }), "activations"));
    }

    [Theory]
    [MemberData(nameof(AllMethods))]
    public void Every_Method_Has_One(string method)
    {
        string[] tried = ["bert", "llama", "t5"];
        var architecture = tried.FirstOrDefault(a => Takes(a, method));
        if (architecture is null)
        {
            var refusals = tried.Select(a => Assert.Throws<PeftException>(() => Of(a, method)).Message);
            Assert.Contains(refusals, refusal => refusal.Contains("values of weights", StringComparison.Ordinal));
            return;
        }
        var estimate = Of(architecture, method);
        Assert.Equal(estimate.Parameters.Trainable * 4, Bytes(estimate, "gradients"));
        Assert.Equal(estimate.Parameters.Trainable * 8, Bytes(estimate, "optimizer state"));
    }

    private static ShapeEstimate Of(string architecture, string method) =>
        ShapeEstimate.Of(Tiny(architecture), TinySettings.Of(method), new() { Length = 16 });

    private static bool Takes(string architecture, string method)
    {
        try
        {
            Of(architecture, method);
            return true;
        }
        catch (PeftException)
        {
            return false;
        }
    }

    // What a formula says is what it comes to.
    [Fact]
    public void Formulas_Come_To_Their_Bytes()
    {
        var estimate = ShapeEstimate.Of(
            NumbersConfig.Read(Llama65B), new LoraOptions { Rank = 64, TargetModules = new("all-linear") },
            new() { BatchSize = 1, Length = 512, Quantize = new Nf4Options(64, true), Checkpointing = true, Optimizer = "paged_adamw" });
        var checkedLines = 0;
        foreach (var line in estimate.Memory.Concat(estimate.Disk))
        {
            if (Product().Match(line.Formula) is not { Success: true } match) continue;
            var product = match.Groups.Values.Skip(1).SelectMany(g => g.Captures)
                .Select(c => double.Parse(c.Value.Replace(",", ""), CultureInfo.InvariantCulture))
                .Aggregate(1.0, (all, factor) => all * factor);
            Assert.Equal(1, product / line.Bytes, 1e-3);
            checkedLines++;
        }
        Assert.InRange(checkedLines, 8, 13);
        Assert.Equal(0, Bytes(estimate, "optimizer state"));
        // 65 billion weights in one place of 48 GB, as the paper of QLoRA says, of whose processor no C library manages the memory.
        Assert.InRange(estimate.Weights, 65_200_000_000, 65_300_000_000);
        Assert.InRange(estimate.Peak - Bytes(estimate, "gaps in the heap"), 40L << 30, 48_000_000_000);
    }

    // The figures of docs/estimates.md.
    [Fact]
    public void Full_Fine_Tuning_Of_Falcon_180B_Takes_Twenty_Bytes_A_Weight_Here()
    {
        var models = JsonNode.Parse(File.ReadAllText(TestPaths.Fixture("parameter-counts.json")))!["models"]!;
        var config = ModelConfig.From((JsonObject)models["falcon-180b"]!.DeepClone());
        var estimate = ShapeEstimate.Of(config, MethodRegistry.Options("full"), new() { BatchSize = 1 });
        const long Weights = 178_557_088_768;
        Assert.Equal((Weights, Weights), (estimate.Weights, estimate.Parameters.Trainable));
        string[] lines = ["weights of the layers", "embeddings, norms, head", "adapter", "gradients", "optimizer state"];
        Assert.Equal(20 * Weights, lines.Sum(line => Bytes(estimate, line)));
    }

    [Fact]
    public void The_Weights_Are_Those_That_A_Model_Keeps()
    {
        ModelOptions[] all =
        [
            new(), new() { Compute = ComputeType.BFloat16 }, new() { Quantize = new Int8Options() },
            new() { Quantize = new Nf4Options(32, true) },
        ];
        foreach (var options in all)
        {
            using var model = TinyModels.Create("llama", options, 64);
            var config = ModelConfig.From((JsonObject)JsonNode.Parse(Architectures.Find("llama")!.Tiny(64))!);
            var estimate = ShapeEstimate.Of(
                config, TinySettings.Of("lora"),
                new() { Length = 8, Compute = options.Compute, Quantize = options.Quantize, Task = model.Head.Kind });
            var expected = model.Sites.Slots.Sum(s => s.Bytes);
            var found = Bytes(estimate, "weights of the layers") + Bytes(estimate, "embeddings, norms, head");
            Assert.Equal(1, (double)found / expected, 0.05);
        }
    }

    [Fact]
    public void Bad_Input_Is_Refused_In_One_Sentence()
    {
        void Refused(string says, Action act)
        {
            var message = Assert.Throws<PeftException>(act).Message;
            Assert.Contains(says, message);
            Assert.EndsWith(".", message);
        }
        void Of(ShapeEstimateOptions options) => ShapeEstimate.Of(Tiny("bert"), TinySettings.Of("lora"), options);
        Refused("0 rows", () => Of(new() { BatchSize = 0 }));
        Refused("4000 tokens", () => Of(new() { Length = 4000 }));
        Refused("\"adam\"", () => Of(new() { Optimizer = "adam", Length = 8 }));
        Refused("-1 tokens a pass", () => Of(new() { TokensPerPass = -1 }));
        Refused("lack width, heads, inner, vocabulary", () => NumbersConfig.Read("layers=2"));
        Refused("\"depth\"", () => NumbersConfig.Read("depth=2"));
        Refused("layers=NUMBER", () => NumbersConfig.Read("layers=many"));
    }

    [GeneratedRegex(@"^(?:([\d,]+)(?: layers| tokens| words)? × )+(?:([\d,.]+) (?:bytes|numbers × (4) bytes).*)$")]
    private static partial Regex Product();
}
