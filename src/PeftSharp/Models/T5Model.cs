using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// T5 (Raffel et al. 2019, arXiv 1910.10683), both generations: an encoder and a decoder over one word table, relative positions.
/// </summary>
/// <remarks>
/// Heads are those of transformers. Classes and numbers for a text: the decoder reads the text, one place later, and its state at the
/// text's last end token is the answer (at the last token where there is none, which transformers refuses). Spans: the decoder's states
/// of the same reading. Classes of tokens: the encoder alone.
/// </remarks>
internal sealed class T5Model : DecoderModel
{
    private readonly T5Config _shape;
    private readonly T5Stack _encoder;
    private readonly T5Stack? _decoder;

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "t5",
        ClassName = "T5",
        Prefix = "transformer.",
        Paper = "Raffel et al. 2019, arXiv 1910.10683",
        Tasks =
        [
            TaskKind.SequenceToSequence, TaskKind.Classification, TaskKind.MultiLabel, TaskKind.Regression, TaskKind.TokenClassification,
            TaskKind.QuestionAnswering,
        ],
        KeptDense = ["wo"],
        ClassifierMaps = ["classification_head.dense", "classification_head.out_proj"],
        Create = plan =>
        {
            var shape = T5Config.Read(plan.Config);
            var build = plan.Builder("transformer.", shape.InitializerRange, !HasPrefix(plan.Task));
            return new T5Model(plan.Config, shape, build, plan.Task, plan.Outputs, plan.Options);
        },
        Tiny = width => $$"""
            { "model_type": "t5", "vocab_size": 97, "d_model": {{width}}, "d_kv": {{width / 4 + 2}}, "d_ff": 56, "num_layers": 2,
              "num_decoder_layers": 2, "num_heads": 4, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 13,
              "feed_forward_proj": "gated-gelu", "layer_norm_epsilon": 1e-5, "dropout_rate": 0.1, "tie_word_embeddings": false,
              "pad_token_id": 3, "decoder_start_token_id": 3, "initializer_factor": 2.0 }
            """,
    };

    internal T5Model(ModelConfig config, T5Config shape, SiteBuilder build, TaskKind task, int outputs, ModelOptions options)
        : base(config, build, HasPrefix(task) ? Architecture.Prefix : "")
    {
        _shape = shape;
        var body = HasPrefix(task) ? build.In("transformer") : build;
        var words = body.Embedding("shared", shape.Vocabulary, shape.Hidden);
        _encoder = new(body, LayerStack.Encoder, words, shape);
        if (task != TaskKind.TokenClassification) _decoder = new(body, LayerStack.Decoder, words, shape);
        Head = task switch
        {
            TaskKind.SequenceToSequence => new AnswerTokensHead(
                Vocabulary(build, words), shape.ScaledOutput ? 1 / Math.Sqrt(shape.Hidden) : 1),
            TaskKind.TokenClassification => new TokenHead(shape.HeadDropout, build.Classifier("classifier", outputs, shape.Hidden)),
            TaskKind.QuestionAnswering => new AnswerHead(build.Projection("qa_outputs", ProjectionRole.Head, 2, shape.Hidden)),
            _ => Sequence(build.In("classification_head"), task, outputs, options),
        };
    }

    // In transformers these two classes hold the model as "transformer"; the others are it.
    private static bool HasPrefix(TaskKind task) => task is not (TaskKind.SequenceToSequence or TaskKind.QuestionAnswering);

    private ProjectionSite Vocabulary(SiteBuilder build, EmbeddingSite words) => build.Source.IsStored("lm_head.weight")
        ? build.Projection("lm_head", ProjectionRole.Vocabulary, _shape.Vocabulary, _shape.Hidden, hasBias: false)
        : build.Tied("lm_head", ProjectionRole.Vocabulary, words);

    private SequenceHead Sequence(SiteBuilder build, TaskKind task, int outputs, ModelOptions options)
    {
        var pooling = options.Pooling is Pooling.Mean or Pooling.Cls ? options.Pooling.Value : Pooling.Last;
        var dense = build.Projection("dense", ProjectionRole.Head, _shape.Hidden, _shape.Hidden);
        var classifier = build.Classifier("out_proj", outputs, _shape.Hidden);
        return new(task, pooling, dense, "tanh", true, _shape.HeadDropout, classifier, ["classification_head"]);
    }

    /// <inheritdoc/>
    public override TaskHead Head { get; }

    /// <inheritdoc/>
    public override int Width => _shape.Hidden;

    /// <inheritdoc/>
    /// <remarks>Relative positions set no limit; this one keeps attention affordable.</remarks>
    public override int MaxTokens => 1 << 15;

    internal override int? AnswerStart => _shape.StartId;

    private protected override InputState Embed(TokenBatch batch, ForwardContext context)
    {
        if (context.Cache?.Source is { } known) return known;
        var source = _encoder.Forward(
            batch.InputIds, batch.Unpadded ? null : batch.AttentionMask, null, null, RunLayer, context with { Cache = null });
        if (context.Cache is { } cache) cache.Source = source;
        return source;
    }

    private protected override Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context) =>
        Answered(state, batch, context).Embeddings;

    // Without a decoder each token is answered by the encoder; a decoder answers with a text, or reads the row once more.
    private protected override InputState Answered(InputState state, TokenBatch batch, ForwardContext context)
    {
        if (_decoder is null) return state;
        if (Head.Kind == TaskKind.SequenceToSequence)
            // Decoder ids are no row's padding: short answers end with the end token.
            return _decoder.Forward(DecoderIds(batch), null, state, AnswerTokens(batch), RunLayer, context);
        var ids = batch.InputIds;
        var read = Head.Kind == TaskKind.QuestionAnswering ? batch.Unpadded ? null : batch.AttentionMask : UpToEnd(batch);
        return _decoder.Forward(Shifted(ids, batch.AttentionMask), read, state, null, RunLayer, context);
    }

    // What the decoder reads of the row itself: each token one place later, the start token before the first.
    private Tensor Shifted(Tensor ids, Tensor mask)
    {
        using var scope = NewDisposeScope();
        var (rows, tokens) = (ids.shape[0], ids.shape[1]);
        var none = Arithmetic.Filled([rows, 1], 0, ScalarType.Int64, ids.device);
        var before = cat([none, ids.narrow(1, 0, tokens - 1)], 1);
        var follows = cat([none, mask.narrow(1, 0, tokens - 1)], 1);
        var start = Arithmetic.Filled([1], _shape.StartId, ScalarType.Int64, ids.device);
        return where(follows.IsNot(0), before, start).MoveToOuterDisposeScope();
    }

    // 1 as far as the last end token of each row, whose state is the row's answer; of a row without one, at all its tokens.
    private Tensor UpToEnd(TokenBatch batch)
    {
        using var scope = NewDisposeScope();
        var mask = batch.AttentionMask;
        var ends = batch.InputIds.eq(Arithmetic.Filled([1], _shape.EndId, ScalarType.Int64, mask.device)).to(ScalarType.Int64).mul(mask);
        var all = ends.sum(1, keepdim: true);                                    // [rows, 1]
        var before = ends.cumsum(1).sub(ends);                                   // end tokens before each place
        var wanted = before.eq(all).logical_not().logical_or(all.eq(all.zeros_like()));
        return mask.mul(wanted.to(ScalarType.Int64)).MoveToOuterDisposeScope();
    }

    // 1 where the decoder answers with a token that counts, [rows, tokens]; null where the answer is given token by token.
    private static Tensor? AnswerTokens(TokenBatch batch) =>
        batch.AnswerIds is null && batch.Labels is { } labels ? labels.IsNot(-100).to(ScalarType.Int64) : null;

    // What the decoder reads is the answer, one place later: the start token, then all but the last.
    private Tensor DecoderIds(TokenBatch batch)
    {
        if (batch.AnswerIds is { } given) return given;
        var labels = batch.Labels
            ?? throw new PeftException("The batch has no answers (labels) for the decoder to read; name the column that holds them.");
        using var scope = NewDisposeScope();
        var (rows, tokens) = (labels.shape[0], labels.shape[1]);
        var start = Arithmetic.Filled([rows, 1], _shape.StartId, ScalarType.Int64, labels.device);
        var ids = cat([start, labels.narrow(1, 0, tokens - 1)], 1);
        var padding = Arithmetic.Filled([1], _shape.PadId, ScalarType.Int64, labels.device);
        return where(ids.IsNot(-100), ids, padding).MoveToOuterDisposeScope();
    }
}
