using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>One stack of T5: the encoder, or the decoder that also attends to the encoder's output.</summary>
internal sealed class T5Stack
{
    private readonly T5Config _shape;
    private readonly string _path;
    private readonly bool _isDecoder;
    private readonly InputSite _input;
    private readonly EmbeddingSite _words;
    private readonly LayerSite _embedded;
    private readonly RelativeBias _bias;
    private readonly Layer[] _layers;
    private readonly Norm _norm;

    public T5Stack(SiteBuilder build, LayerStack stack, EmbeddingSite words, T5Config shape)
    {
        (_shape, _words, _isDecoder) = (shape, words, stack == LayerStack.Decoder);
        _path = _isDecoder ? "decoder" : "encoder";
        var body = build.AtLayer(_path, -1, stack);
        _input = body.Input("embed_tokens");
        _embedded = body.In("embed_tokens").Layer(shape.Hidden);
        var count = _isDecoder ? shape.DecoderLayers : shape.EncoderLayers;
        _layers = [.. Enumerable.Range(0, count).Select(i => new Layer(body.AtLayer($"block.{i}", i, stack), _isDecoder, shape))];
        var table = body.In("block.0.layer.0.SelfAttention").Embedding("relative_attention_bias", shape.Buckets, shape.Attention.Heads);
        _bias = new(table, !_isDecoder, shape.Buckets, shape.MaxDistance);
        _norm = body.Norm("final_layer_norm", shape.Hidden, shape.Epsilon, NormKind.Rms);
    }

    /// <summary>Runs the stack.</summary>
    /// <param name="ids">Token ids, int64 [rows, tokens].</param>
    /// <param name="padding">1 at real tokens, int64 [rows, tokens]; null where nothing is padded.</param>
    /// <param name="source">What the encoder yielded, for the decoder.</param>
    /// <param name="real">1 at the answer's tokens, int64 [rows, tokens], where a decoder's padding is not told; null where it is.</param>
    /// <param name="runLayer">Runs one layer in a way that a backward pass may repeat.</param>
    /// <param name="context">The call.</param>
    public InputState Forward(
        Tensor ids, Tensor? padding, InputState? source, Tensor? real,
        Func<Tensor, ForwardContext, Func<Tensor, ForwardContext, Tensor>, Tensor> runLayer, ForwardContext context)
    {
        var state = new InputState(_words.Forward(ids, context), padding, null, false);
        state = _input.Apply(InputStage.Words, state, context);
        state = _input.Apply(InputStage.Embedded, state, context);
        context = context.WithPadding(real ?? state.Mask);
        var hidden = _embedded.Forward(Dropout.Base(state.Embeddings, _shape.Dropout, _path, context), context);
        var mask = new KeyMask { Causal = _isDecoder, Padding = DecoderModel.Seen(state, context), Bias = _bias };
        var sourceMask = new KeyMask { Padding = source?.Mask };
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            hidden = source is not null && context.RecomputesLayers
                ? runLayer(cat([hidden, source.Embeddings], 1), context.At(i), Recomputed(layer, hidden.shape[1]))
                : runLayer(hidden, context.At(i), (x, call) => layer.Forward(x, mask, source?.Embeddings, sourceMask, call));
        }
        hidden = Dropout.Base(_norm.Forward(hidden, context), _shape.Dropout, $"{_path}.final_layer_norm", context);
        return state with { Embeddings = hidden };

        // A layer that is computed again gives gradients to its input alone: what the encoder yielded has to be part of it.
        Func<Tensor, ForwardContext, Tensor> Recomputed(Layer layer, long tokens) => (both, call) => layer.Forward(
            both.narrow(1, 0, tokens).contiguous(), mask, both.narrow(1, tokens, both.shape[1] - tokens).contiguous(), sourceMask, call);
    }

    private sealed class Layer
    {
        private readonly T5Attention _self;
        private readonly T5Attention? _cross;
        private readonly T5FeedForward _feedForward;
        private readonly LayerSite _output;

        public Layer(SiteBuilder build, bool isDecoder, T5Config shape)
        {
            _self = new(build.In("layer.0"), AttentionKind.Self, shape);
            _cross = isDecoder ? new(build.In("layer.1"), AttentionKind.Cross, shape) : null;
            _feedForward = new(build.In(isDecoder ? "layer.2" : "layer.1"), shape);
            _output = build.Layer(shape.Hidden);
        }

        public Tensor Forward(Tensor x, KeyMask mask, Tensor? source, KeyMask sourceMask, ForwardContext context)
        {
            using var scope = NewDisposeScope();
            x = _self.Forward(x, mask, context);
            if (_cross is not null) x = _cross.Forward(x, source!, sourceMask, context);
            return _output.Forward(_feedForward.Forward(x, context), context).MoveToOuterDisposeScope();
        }
    }
}
