using PeftSharp.Data;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>Llama (Touvron et al. 2023, arXiv 2302.13971 and 2307.09288): rotary positions, shared key heads, gated feed-forward blocks.</summary>
public sealed class LlamaModel : DecoderModel
{
    private readonly DecoderConfig _shape;
    private readonly InputSite _input;
    private readonly EmbeddingSite _words;
    private readonly LayerSite _embedded;
    private readonly Rotary _rotary;
    private readonly LlamaLayer[] _layers;
    private readonly Norm _norm;

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
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => new LlamaLayer(body.AtLayer($"layers.{i}", i, LayerStack.Decoder), shape.Shape))];
        _norm = body.Norm("norm", hidden, shape.Shape.Epsilon, shape.Shape.Norm);
        Head = DecoderHeads.Create(task, build, _words, shape.TiedHead, outputs, "score", options);
    }

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
        state = _input.Apply(InputStage.Embedded, state, context);
        return state with { Embeddings = _embedded.Forward(state.Embeddings, context) };
    }

    private protected override Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context)
    {
        var hidden = state.Embeddings;
        var mask = new KeyMask { Causal = true, Window = _shape.Window, Padding = Seen(state, context), Segments = state.Segments };
        var angles = _rotary.At(Positions(state, batch, context), context.Cache?.Length ?? hidden.shape[1], hidden.dtype);
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            hidden = RunLayer(hidden, context.At(i), (x, call) => layer.Forward(x, mask, angles, call));
        }
        return _norm.Forward(hidden, context);
    }
}
