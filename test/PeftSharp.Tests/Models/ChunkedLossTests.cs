using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Methods.Full;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>
/// The loss over a vocabulary, a chunk of tokens at a time: equal to that of whole logits, gradients included, and far smaller.
/// </summary>
public sealed class ChunkedLossTests
{
    internal const int Vocabulary = 60_000; // 139 tokens a chunk

    internal static readonly MethodOptions[] Methods =
    [
        new LoraOptions { Rank = 3, TargetModules = new(["q_proj", "down_proj"]) },
        new LoraOptions { Rank = 3, TargetModules = new(["lm_head", "v_proj"]), Dropout = 0 },
        new PromptOptions { VirtualTokens = 4 },
        new FullOptions(),
    ];

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    [InlineData(0, true)]
    public void Loss_And_Gradients_Are_Those_Of_Whole_Logits(int method, bool tied)
    {
        using var scope = NewDisposeScope();
        using var peft = Create(tied, ScalarType.Float64);
        var adapter = peft.Add(Methods[method]);
        Bench.Disturb(adapter, 0.05);
        using var batch = Batch(5, 41);
        var context = new ForwardContext { Selection = peft.Select("default"), Training = true };
        var whole = WholeLoss(peft, batch, context);
        var expected = Gradients(adapter, whole.Mean);
        var chunked = peft.Model.Loss(batch, context);
        var actual = Gradients(adapter, chunked.Mean);
        Assert.Equal(whole.Weight, chunked.Weight);
        Assert.True(chunked.Weight > VocabularyLoss.ChunkOf(Vocabulary));
        Bits.AssertClose(whole.Mean, chunked.Mean, Rounding.Exact, "The loss");
        foreach (var (name, gradient) in expected) Bits.AssertClose(gradient, actual[name], Rounding.Exact, name);
        Assert.Contains(expected.Values, gradient => gradient.abs().max().item<double>() > 1e-6);
    }

    [Fact]
    public void The_Chunks_Are_Recomputed_With_The_Layers()
    {
        using var scope = NewDisposeScope();
        using var peft = Create(tied: false, ScalarType.Float64);
        var adapter = peft.Add(Methods[1]);
        Bench.Disturb(adapter, 0.05);
        using var batch = Batch(5, 41);
        var plain = new ForwardContext { Selection = peft.Select("default"), Training = true, Seed = 4 };
        var expected = Gradients(adapter, peft.Model.Loss(batch, plain).Mean);
        var actual = Gradients(adapter, peft.Model.Loss(batch, plain with { Checkpointing = true }).Mean);
        foreach (var (name, gradient) in expected) Bits.AssertClose(gradient, actual[name], Rounding.Exact, name);
    }

    [Fact]
    public void Whole_Logits_Never_Exist()
    {
        using var scope = NewDisposeScope();
        using var peft = Create(tied: false, ScalarType.Float32);
        var adapter = peft.Add(Methods[0]);
        var head = peft.Model.Head.VocabularyMap!;
        var seen = new Widest(head.Weight.Base);
        head.Weight.Store(seen);
        using var batch = Batch(8, 41);
        var loss = peft.Model.Loss(batch, new() { Selection = peft.Select("default"), Training = true });
        AutogradFailures.Backward(loss.Mean);
        Assert.True(loss.Weight > 200);
        Assert.InRange(seen.Tokens, 1, VocabularyLoss.ChunkOf(Vocabulary));
    }

    [Fact]
    public void Labels_That_Do_Not_Fit_Are_Refused()
    {
        using var scope = NewDisposeScope();
        using var peft = Create(tied: false, ScalarType.Float32);
        using var batch = Batch(2, 7, (row, token) => token == 3 ? Vocabulary : -100);
        Assert.Contains($"the token id {Vocabulary}", Assert.Throws<PeftException>(() => peft.Model.Loss(batch, new())).Message,
            StringComparison.Ordinal);
        using var none = Batch(2, 7, (_, _) => -100);
        var loss = peft.Model.Loss(none, new());
        Assert.Equal((0, 0), (loss.Weight, loss.Mean.item<float>()));
    }

    internal static PeftModel Create(bool tied, ScalarType precision)
    {
        LibTorch.EnsureLoaded();
        var json = System.Text.Json.Nodes.JsonNode.Parse($$"""
            { "model_type": "llama", "vocab_size": {{Vocabulary}}, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 24, "max_position_embeddings": 64, "hidden_act": "silu",
              "rms_norm_eps": 1e-5, "tie_word_embeddings": {{(tied ? "true" : "false")}}, "initializer_range": 0.2 }
            """)!.AsObject();
        return new(ModelLoader.Create(ModelConfig.From(json), null,
            new() { Task = TaskKind.CausalLanguage, Precision = precision, Seed = 5 }));
    }

    // Rows of unequal length, padded at the right; labels of a prompt are left out.
    internal static TokenBatch Batch(int rows, int tokens, Func<int, int, long>? label = null)
    {
        var (ids, mask, labels) = (new long[rows * tokens], new long[rows * tokens], new long[rows * tokens]);
        for (var i = 0; i < ids.Length; i++)
        {
            var (row, token) = (i / tokens, i % tokens);
            var real = token < tokens - row % 3;
            ids[i] = real ? (i * 7919L + 13) % Vocabulary : 0;
            mask[i] = real ? 1 : 0;
            labels[i] = label?.Invoke(row, token) ?? (real && token >= row % 4 ? ids[i] : -100);
        }
        return new()
        {
            InputIds = tensor(ids, [rows, tokens]),
            AttentionMask = tensor(mask, [rows, tokens]),
            Labels = tensor(labels, [rows, tokens])
        };
    }

    internal static BatchLoss WholeLoss(PeftModel peft, TokenBatch batch, ForwardContext context) =>
        peft.Model.Head.Loss(peft.Model.Forward(batch, context), batch.Labels!, batch.AttentionMask);

    private static Dictionary<string, Tensor> Gradients(PeftMethod adapter, Tensor loss)
    {
        AutogradFailures.Backward(loss);
        var gradients = adapter.Tensors.Where(t => t.Value.grad is not null).ToDictionary(t => t.Name, t => t.Value.grad!.clone());
        foreach (var tensor in adapter.Tensors) tensor.Value.grad = null;
        Assert.NotEmpty(gradients);
        return gradients;
    }

    // The head's weight, and how many tokens it met at once at most.
    private sealed class Widest(WeightStore inner) : WeightStore
    {
        public long Tokens { get; private set; }

        public override long OutFeatures => inner.OutFeatures;

        public override long InFeatures => inner.InFeatures;

        public override long Bytes => inner.Bytes;

        public override string Kind => inner.Kind;

        public override Tensor Linear(Tensor x, Tensor? bias = null)
        {
            Tokens = Math.Max(Tokens, x.numel() / x.shape[^1]);
            return inner.Linear(x, bias);
        }

        public override Tensor Dense() => inner.Dense();

        internal override WeightStore Like(Tensor dense) => inner.Like(dense);

        public override void Dispose() => inner.Dispose();
    }
}
