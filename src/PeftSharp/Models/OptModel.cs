using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>OPT (Zhang et al. 2022, arXiv 2205.01068): learned positions, a word table that may be narrower than the layers.</summary>
internal sealed class OptModel : DecoderModel
{
    // Rows at the start of the position table that no token uses.
    private const int Offset = 2;

    private readonly OptConfig _shape;
    private readonly InputSite _input;
    private readonly EmbeddingSite _words, _positions;
    private readonly ProjectionSite? _widen, _narrow;
    private readonly LayerSite _embedded;
    private readonly OptLayer[] _layers;
    private readonly Norm? _norm;

    private OptModel(ModelPlan plan, OptConfig shape, SiteBuilder build)
        : base(plan.Config, build, plan.Task == TaskKind.Embedding ? "" : Architecture.Prefix)
    {
        _shape = shape;
        var (hidden, words) = (shape.Hidden, shape.WordWidth);
        var body = (plan.Task == TaskKind.Embedding ? build : build.In("model")).In("decoder");
        _input = body.Input("embed_tokens");
        _words = body.Embedding("embed_tokens", shape.Vocabulary, words);
        _positions = body.Embedding("embed_positions", shape.MaxPositions + Offset, hidden);
        if (words != hidden)
        {
            _narrow = body.Projection("project_out", ProjectionRole.Embedding, words, hidden, hasBias: false);
            _widen = body.Projection("project_in", ProjectionRole.Embedding, hidden, words, hasBias: false);
        }
        _embedded = body.In("embed_tokens").Layer(hidden);
        _layers =
            [.. Enumerable.Range(0, shape.Layers).Select(i => new OptLayer(body.AtLayer($"layers.{i}", i, LayerStack.Decoder), shape))];
        _norm = shape.LastNorm ? body.Norm("final_layer_norm", hidden, 1e-5) : null;
        Head = DecoderHeads.Create(plan.Task, build, _words, shape.TiedHead, plan.Outputs, "classifier", plan.Options);
    }

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "opt",
        ClassName = "OPT",
        Prefix = "model.",
        Paper = "Zhang et al. 2022, arXiv 2205.01068",
        Tasks = [.. Architecture.DecoderTasks.Where(task => task != TaskKind.TokenClassification)],
        FieldsWithoutEffect = ["layerdrop"],
        Create = plan =>
        {
            var shape = OptConfig.Read(plan.Config);
            return new OptModel(plan, shape, plan.Builder("model.", shape.InitializerRange));
        },
        Tiny = width => $$"""
            { "model_type": "opt", "vocab_size": 97, "hidden_size": {{width}}, "word_embed_proj_dim": {{width - 12}},
              "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 56, "max_position_embeddings": 41,
              "do_layer_norm_before": false, "activation_function": "relu", "dropout": 0.15, "attention_dropout": 0.1,
              "pad_token_id": 3, "init_std": 0.2 }
            """,
    };

    /// <inheritdoc/>
    public override TaskHead Head { get; }

    /// <inheritdoc/>
    public override int Width => _shape.Hidden;

    internal override int StateWidth => _shape.WordWidth;

    /// <inheritdoc/>
    public override int MaxTokens => _shape.MaxPositions;

    private protected override InputState Embed(TokenBatch batch, ForwardContext context)
    {
        var words = _words.Forward(batch.InputIds, context);                    // [rows, tokens, word width]
        var state = Begin(words, batch);
        state = _input.Apply(InputStage.Words, state, context);
        var wide = _widen?.Forward(state.Embeddings, context) ?? state.Embeddings; // [rows, tokens, hidden]
        state = state with { Embeddings = wide.Plus(_positions.Forward(Places(batch, state, context), context)) };
        state = _input.Apply(InputStage.Embedded, state, context);
        return state with { Embeddings = _embedded.Forward(state.Embeddings, context) };
    }

    // Rows of the position table, [rows or 1, tokens]; padding stands before the first.
    private Tensor Places(TokenBatch batch, InputState state, ForwardContext context)
    {
        var counted = Positions(state, batch, context).Plus(1L);
        if (state.Mask is { } mask) counted = counted * mask;
        return counted.Plus(Offset - 1L);
    }

    private protected override Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context)
    {
        var mask = new KeyMask { Causal = true, Padding = Seen(state, context), Segments = state.Segments };
        var hidden = state.Embeddings;
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            hidden = RunLayer(hidden, context.At(i), (x, call) => layer.Forward(x, mask, call));
        }
        if (_norm is not null) hidden = _norm.Forward(hidden, context);
        return _narrow?.Forward(hidden, context) ?? hidden;
    }
}
