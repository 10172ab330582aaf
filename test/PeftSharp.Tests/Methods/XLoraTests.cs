using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Hybrid.XLora;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>X-LoRA with experts that are drawn: what it computes, and its gradients.</summary>
/// <remarks>peft's own numbers are not among the reference cases; its definition is computed in plain numbers instead.</remarks>
public sealed class XLoraTests
{
    private static readonly MethodPart Small = new(new LoraOptions { Rank = 4, Alpha = 8 });

    private static readonly MethodPart Everywhere =
        new(new LoraOptions { Rank = 4, Alpha = 8, TargetModules = new("all-linear") });

    private static readonly Dictionary<string, XLoraOptions> Variants = new()
    {
        ["plain"] = new() { Expert = Small },
        ["deep"] = new()
        {
            Expert = Everywhere,
            DrawnExperts = 3,
            Depth = 3,
            Size = 12,
            PerMap = true,
            Temperature = 0.5,
            GlobalWeight = 1.7,
        },
        ["two"] = new() { Expert = Small, Active = 2, Depth = 2, Size = 10, Dropout = 0 },
        ["two anew"] = new() { Expert = Everywhere, Active = 2, Softmax = false, SoftmaxOfActive = true },
        ["raw"] = new() { Expert = Small, DrawnExperts = 1, Softmax = false },
        ["first pass with experts"] = new() { Expert = Small, FirstWeight = 0.4, GlobalWeight = 0.8 },
    };

    private static readonly string[] Architectures = ["bert", "llama", "gpt2"];

    public static TheoryData<string, string> Cases =>
        new(from architecture in Architectures from variant in Variants.Keys select (architecture, variant));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Computes_What_Its_Definition_Says(string architecture, string variant)
    {
        var options = Variants[variant];
        using var scope = NewDisposeScope();
        using Bench bench = new(architecture, ScalarType.Float64), plain = new(architecture, ScalarType.Float64);
        var adapter = bench.Add(options);
        Move(adapter);
        var expected = new XLoraReference(plain, adapter, options, options.DrawnExperts ?? 4).Logits();
        Bits.AssertDiffers(plain.Logits(AdapterSelection.None), expected, "The adapter");
        Bits.AssertClose(expected, bench.Logits(adapter), Rounding.Exact, "The logits");
    }

    // Where the first pass sees experts, its own share of the gradient is left out, as it is in the definition.
    [Theory]
    [InlineData("bert", "deep")]
    [InlineData("llama", "two")]
    [InlineData("t5", "two anew")]
    public void Follows_The_Slope(string architecture, string variant) => GradientTests.Agrees(architecture, Variants[variant]);

    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    [InlineData("t5")]
    public void Recomputed_Layers_Give_The_Classifier_Its_Whole_Gradient(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapter = bench.Add(Variants["deep"]);
        Bench.Disturb(adapter);
        var plain = Gradients(bench, adapter, checkpointing: false);
        var again = Gradients(bench, adapter, checkpointing: true);
        foreach (var (tensor, (a, b)) in adapter.Tensors.Zip(plain.Zip(again)))
            Bits.AssertClose(a, b, Rounding.Exact, $"The gradient of {tensor.Name}");
    }

    private static List<Tensor> Gradients(Bench bench, PeftMethod adapter, bool checkpointing)
    {
        AutogradFailures.Backward(bench.Loss(adapter, training: true, seed: 5, checkpointing));
        var gradients = adapter.Tensors.Select(t => t.Value.grad!.clone()).ToList();
        foreach (var tensor in adapter.Tensors) tensor.Value.grad = null;
        return gradients;
    }

    // Other adapters act in the first pass as in the second, virtual tokens included; rows stay by themselves.
    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    [InlineData("deberta-v2")]
    public void Rows_With_Adapters_Of_Their_Own_Answer_As_Alone(string architecture)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench(architecture, ScalarType.Float64);
        Bench.Disturb(bench.Add(new UnionOptions { Parts = [new PromptOptions { VirtualTokens = 3 }, Variants["deep"]] }, "union"));
        Bench.Disturb(bench.Add(Variants["two"], "own", 12), seed: 90);
        Bench.Disturb(bench.Add(new LoraOptions(), "other", 13), seed: 110);
        string?[] names = ["union", null, "other", "own"];
        var mixed = bench.Logits(TinyModels.Rows([0, 1, 2, 3], 11), bench.Peft.SelectPerRow(names));
        for (var row = 0; row < names.Length; row++)
        {
            var selection = names[row] is { } name ? bench.Peft.Select(name) : AdapterSelection.None;
            Bits.AssertClose(
                bench.Logits(TinyModels.Rows([row], TinyModels.LengthOf(row)), selection), mixed.narrow(0, row, 1), Rounding.Exact,
                $"Row {row}");
        }
    }

    [Fact]
    public void What_Lies_Below_The_Experts_May_Be_Kept()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var bench = new Bench("bert", ScalarType.Float64);
        var upper = new LoraOptions { LayersToTransform = new([1]) };
        var adapter = bench.Add(new XLoraOptions { Expert = new(upper) });
        Bench.Disturb(adapter);
        var context = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) };
        TokenBatch With(int depth) => new()
        {
            InputIds = bench.Batch.InputIds,
            AttentionMask = bench.Batch.AttentionMask,
            TokenTypeIds = bench.Batch.TokenTypeIds,
            Trunk = new SelectedTrunk(bench.Peft.Model.ForwardTo(depth, bench.Batch, new()), depth, context.Selection),
        };
        Bits.AssertClose(
            bench.Logits(adapter), bench.Peft.Model.Forward(With(1), context).Logits, Rounding.Exact, "The output behind a kept trunk");
        Assert.Contains("cache_trunk", Assert.Throws<PeftException>(() => bench.Peft.Model.Forward(With(2), context)).Message);
    }

    [Fact]
    public void Its_Tensors_Have_The_Names_Of_Peft()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new XLoraOptions { DrawnExperts = 2, Depth = 3, Size = 5, PerMap = true });
        var names = adapter.SavedTensors(AdapterFormat.Peft).ToDictionary(t => t.Key, t => t.Value.shape);
        const string Classifier = "base_model.internal_xlora_classifier.layers";
        Assert.Equal([5, 32], names[$"{Classifier}.0.weight"]);
        // relu and dropout stand between.
        Assert.Equal([5, 5], names[$"{Classifier}.3.weight"]);
        // Two experts at the queries and values of two layers.
        Assert.Equal([8, 5], names[$"{Classifier}.6.weight"]);
        Assert.Equal([8], names[$"{Classifier}.6.bias"]);
        Assert.Equal([8, 32], names["experts.1.base_model.model.bert.encoder.layer.1.attention.self.value.lora_A.weight"]);
        Assert.Equal([3, 32], names["base_model.model.classifier.weight"]);
        Assert.Equal(6 + 2 * 2 * 4 + 2, names.Count);
        Assert.Equal(3 * 32 + 3, adapter.HeadWeights);
    }

    [Fact]
    public void What_Does_Not_Fit_Is_Refused()
    {
        using var bench = new Bench("bert");
        void Refused(XLoraOptions options, params string[] parts) => Refusal.Of(bench, () => bench.Add(options), parts);
        Refused(new() { DrawnExperts = 0 }, "\"num_experts\" is 0");
        Refused(new() { Active = 5 }, "\"top_k_lora\" is 5", "4");
        Refused(new() { SoftmaxOfActive = true }, "\"enable_softmax_topk\"", "top_k_lora");
        Refused(new() { Temperature = 0 }, "\"softmax_temperature\" is 0");
        Refused(new() { Depth = 0 }, "\"xlora_depth\" is 0");
        Refused(new() { HiddenSize = 31 }, "\"hidden_size\" is 31", "32");
        Refused(new() { TrainsExperts = false }, "\"use_trainable_adapters\" is false");
        Refused(new() { Expert = new(MethodRegistry.Options("loha")) }, "\"expert\" is LOHA");
        Refused(new() { Expert = new(new LoraOptions { UseDora = true }) }, "use_dora");
        Refused(new() { Expert = new(new LoraOptions { TargetModules = new(["word_embeddings"]) }) }, "word_embeddings", "token by token");
    }

    // Heads stay the base's, so that only the experts tell two adapters apart.
    private static void Move(PeftMethod adapter)
    {
        using var guard = no_grad();
        foreach (var (tensor, i) in adapter.Tensors.Where(t => !t.SavedModule).Select((t, i) => (t, i)))
            tensor.Value.Increase(Initial.Normal(tensor.Value.shape, 0.2, 300 + (ulong)i).to(tensor.Value.dtype));
    }
}
