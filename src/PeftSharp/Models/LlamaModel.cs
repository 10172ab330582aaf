using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Decoding;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// Llama (Touvron et al. 2023, arXiv 2302.13971 and 2307.09288): rotary positions, shared key heads, gated feed-forward blocks.
/// </summary>
/// <remarks>Mistral, Qwen, Gemma and Phi-3 are Llamas of another shape; their files say which.</remarks>
internal sealed class LlamaModel : DecoderModel
{
    private readonly DecoderConfig _shape;
    private readonly InputSite _input;
    private readonly EmbeddingSite _words;
    private readonly LayerSite _embedded;
    private readonly Rotary _rotary;
    private readonly IDecoderLayer[] _layers;
    private readonly Norm _norm;

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "llama",
        ClassName = "Llama",
        Prefix = "model.",
        Paper = "Touvron et al. 2023, arXiv 2302.13971 and 2307.09288",
        Tasks = Architecture.DecoderTasks,
        FieldsWithoutEffect = ["pretraining_tp"],
        Create = plan => Of(plan, DecoderConfig.Read(plan.Config, new())),
        Tiny = width => $$"""
            { "model_type": "llama", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 56, "max_position_embeddings": 41, "hidden_act": "silu",
              "rms_norm_eps": 1e-5, "rope_theta": 500.0, "attention_dropout": 0.1, "tie_word_embeddings": false, "pad_token_id": 3,
              "initializer_range": 0.2 }
            """,
    };

    internal LlamaModel(ModelConfig config, DecoderConfig shape, SiteBuilder build, TaskKind task, int outputs, ModelOptions options)
        : base(config, build, task == TaskKind.Embedding ? "" : "model.")
    {
        _shape = shape;
        var hidden = shape.Shape.Hidden;
        var body = task == TaskKind.Embedding ? build : build.In("model");
        _input = body.Input("embed_tokens");
        _words = body.Embedding("embed_tokens", shape.Vocabulary, hidden);
        _embedded = body.In("embed_tokens").Layer(hidden);
        _rotary = new(shape.Rotary);
        _layers =
            [.. Enumerable.Range(0, shape.Layers).Select(i => Layer(body.AtLayer($"layers.{i}", i, LayerStack.Decoder), shape.Shape))];
        Decoding = DecodingPass.Of(_layers, shape);
        _norm = body.Norm("norm", hidden, shape.Shape.Epsilon, shape.Shape.Norm);
        Head = DecoderHeads.Create(task, build, _words, shape.TiedHead, outputs, "score", options, shape.LogitCap);
    }

    /// <summary>Makes a model of Llama's kind.</summary>
    internal static LlamaModel Of(ModelPlan plan, DecoderConfig shape) =>
        new(plan.Config, shape, plan.Builder("model.", shape.InitializerRange), plan.Task, plan.Outputs, plan.Options);

    private static IDecoderLayer Layer(SiteBuilder build, DecoderShape shape) =>
        shape.BranchNorms ? new Gemma2Layer(build, shape) : new LlamaLayer(build, shape);

    /// <summary>How it reads single tokens in one pass; null where its layers are of another kind.</summary>
    internal DecodingPass? Decoding { get; }

    /// <inheritdoc/>
    public override TaskHead Head { get; }

    /// <inheritdoc/>
    public override int Width => _shape.Shape.Hidden;

    /// <inheritdoc/>
    public override int MaxTokens => (int)Math.Min(_shape.Rotary.MaxTokens, int.MaxValue);

    internal override bool CanKeepKeys(long tokens) => _shape.Rotary.IsFixedUpTo(tokens);

    private protected override InputState Embed(TokenBatch batch, ForwardContext context)
    {
        var words = _words.Forward(batch.InputIds, context);                    // [rows, tokens, hidden]
        var state = Begin(words, batch);
        state = _input.Apply(InputStage.Words, state, context);
        if (_shape.EmbeddingScale != 1) state = state with { Embeddings = state.Embeddings.Times(_shape.EmbeddingScale) };
        state = _input.Apply(InputStage.Embedded, state, context);
        return state with { Embeddings = _embedded.Forward(state.Embeddings, context) };
    }

    private protected override Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context)
    {
        var hidden = state.Embeddings;
        var seen = Seen(state, context);
        var full = new KeyMask { Causal = true, Padding = seen, Segments = state.Segments };
        var near = new KeyMask { Causal = true, Window = _shape.Windows.Max(), Padding = seen, Segments = state.Segments };
        var angles = _rotary.At(Positions(state, batch, context), context.Cache?.Length ?? hidden.shape[1], hidden.dtype);
        var unpadded = seen is null && state.Segments is null;
        if (unpadded && Decoding?.Try(hidden, angles, context) is { } decoded) return _norm.Forward(decoded, context);
        for (var i = 0; i < _layers.Length; i++)
        {
            var (layer, mask) = (_layers[i], _shape.Windows[i] is null ? full : near);
            hidden = RunLayer(hidden, context.At(i), (x, call) => layer.Forward(x, mask, angles, call));
        }
        return _norm.Forward(hidden, context);
    }
}
