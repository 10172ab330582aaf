using PeftSharp.Data;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// Falcon (Almazrouei et al. 2023, arXiv 2311.16867): one fused map, few key heads, branches beside each other, rotary positions or ALiBi.
/// </summary>
internal sealed class FalconModel : DecoderModel
{
    private readonly FalconConfig _shape;
    private readonly InputSite _input;
    private readonly EmbeddingSite _words;
    private readonly LayerSite _embedded;
    private readonly Rotary? _rotary;
    private readonly Alibi? _alibi;
    private readonly FalconLayer[] _layers;
    private readonly Norm _norm;

    private FalconModel(ModelPlan plan, FalconConfig shape, SiteBuilder build)
        : base(plan.Config, build, plan.Task == TaskKind.Embedding ? "" : Architecture.Prefix)
    {
        _shape = shape;
        var body = plan.Task == TaskKind.Embedding ? build : build.In("transformer");
        _input = body.Input("word_embeddings");
        _words = body.Embedding("word_embeddings", shape.Vocabulary, shape.Hidden);
        _embedded = body.In("word_embeddings").Layer(shape.Hidden);
        _rotary = shape.Rotary is { } scaling ? new(scaling) : null;
        _alibi = shape.Rotary is null ? new(shape.Attention.Heads, shape.Attention.Scale * (plan.Options.AlibiTwice ? 2 : 1)) : null;
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => new FalconLayer(body.AtLayer($"h.{i}", i, LayerStack.Decoder), shape))];
        _norm = body.Norm("ln_f", shape.Hidden, shape.Epsilon);
        Head = DecoderHeads.Create(plan.Task, build, _words, shape.TiedHead, plan.Outputs, "classifier", plan.Options);
    }

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "falcon",
        ClassName = "Falcon",
        Prefix = "transformer.",
        Paper = "Almazrouei et al. 2023, arXiv 2311.16867",
        Tasks = Architecture.DecoderTasks,
        Create = plan =>
        {
            var shape = FalconConfig.Read(plan.Config);
            return new FalconModel(plan, shape, plan.Builder("transformer.", shape.InitializerRange));
        },
        Tiny = width => $$"""
            { "model_type": "falcon", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_kv_heads": 2, "new_decoder_architecture": true, "ffn_hidden_size": 56, "max_position_embeddings": 41,
              "layer_norm_epsilon": 1e-4, "bias": true, "rope_theta": 500.0, "hidden_dropout": 0.15, "attention_dropout": 0.1,
              "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    /// <inheritdoc/>
    public override TaskHead Head { get; }

    /// <inheritdoc/>
    public override int Width => _shape.Hidden;

    /// <inheritdoc/>
    public override int MaxTokens => (int)Math.Min(_shape.Rotary?.MaxTokens ?? _shape.MaxPositions, int.MaxValue);

    internal override bool CanKeepKeys(long tokens) => _shape.Rotary?.IsFixedUpTo(tokens) != false;

    private protected override InputState Embed(TokenBatch batch, ForwardContext context)
    {
        var words = _words.Forward(batch.InputIds, context);                    // [rows, tokens, hidden]
        var state = Begin(words, batch);
        state = _input.Apply(InputStage.Words, state, context);
        state = _input.Apply(InputStage.Embedded, state, context);
        return state with { Embeddings = _embedded.Forward(state.Embeddings, context) };
    }

    private protected override Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context)
    {
        var hidden = state.Embeddings;
        var seen = Seen(state, context);
        var positions = Positions(state, batch, context);                       // checks the length as well
        var bias = _alibi?.Of(seen, state.Segments is null ? null : positions);
        var mask = new KeyMask { Causal = true, Padding = seen, Segments = state.Segments, Bias = bias };
        var angles = _rotary?.At(positions, context.Cache?.Length ?? hidden.shape[1], hidden.dtype);
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            hidden = RunLayer(hidden, context.At(i), (x, call) => layer.Forward(x, mask, angles, call));
        }
        return _norm.Forward(hidden, context);
    }
}
