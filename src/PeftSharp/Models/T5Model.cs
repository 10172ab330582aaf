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
public sealed class T5Model : DecoderModel
{
    private readonly T5Config _shape;
    private readonly T5Stack _encoder, _decoder;

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "t5",
        ClassName = "T5",
        Prefix = "",
        Paper = "Raffel et al. 2019, arXiv 1910.10683",
        Tasks = [TaskKind.SequenceToSequence],
        Create = plan =>
        {
            var shape = T5Config.Read(plan.Config);
            return new T5Model(plan.Config, shape, plan.Builder("", shape.InitializerRange), plan.Task);
        },
        Tiny = width => $$"""
            { "model_type": "t5", "vocab_size": 97, "d_model": {{width}}, "d_kv": {{width / 4 + 2}}, "d_ff": 56, "num_layers": 2,
              "num_decoder_layers": 2, "num_heads": 4, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 13,
              "feed_forward_proj": "gated-gelu", "layer_norm_epsilon": 1e-5, "dropout_rate": 0.1, "tie_word_embeddings": false,
              "pad_token_id": 3, "decoder_start_token_id": 3, "initializer_factor": 2.0 }
            """,
    };

    internal T5Model(ModelConfig config, T5Config shape, SiteBuilder build, TaskKind task) : base(config, build, "")
    {
        if (task != TaskKind.SequenceToSequence)
            throw new PeftException(
                $"{config.File}: T5 answers texts with texts, from C# alone so far (the task asked for is {task}); for classes and numbers "
                + "take BERT, RoBERTa, DistilBERT, Llama or GPT-2.");
        _shape = shape;
        var words = build.Embedding("shared", shape.Vocabulary, shape.Hidden);
        _encoder = new(build, LayerStack.Encoder, words, shape);
        _decoder = new(build, LayerStack.Decoder, words, shape);
        var output = build.Source.IsStored("lm_head.weight")
            ? build.Projection("lm_head", ProjectionRole.Vocabulary, shape.Vocabulary, shape.Hidden, hasBias: false)
            : build.Tied("lm_head", ProjectionRole.Vocabulary, words);
        Head = new AnswerTokensHead(output, shape.ScaledOutput ? 1 / Math.Sqrt(shape.Hidden) : 1);
    }

    /// <inheritdoc/>
    public override TaskHead Head { get; }

    /// <inheritdoc/>
    public override int Width => _shape.Hidden;

    /// <inheritdoc/>
    /// <remarks>Relative positions set no limit; this one keeps attention affordable.</remarks>
    public override int MaxTokens => 1 << 15;

    internal override int? AnswerStart => _shape.StartId;

    // Decoder ids are no row's padding: short answers end with the end token.
    private protected override Tensor? AnswerMask(InputState state) => null;

    private protected override InputState Embed(TokenBatch batch, ForwardContext context)
    {
        if (context.Cache?.Source is { } known) return known;
        var source = _encoder.Forward(
            batch.InputIds, batch.Unpadded ? null : batch.AttentionMask, null, null, RunLayer, context with { Cache = null });
        if (context.Cache is { } cache) cache.Source = source;
        return source;
    }

    private protected override Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context) =>
        _decoder.Forward(DecoderIds(batch), null, state, Answered(batch), RunLayer, context).Embeddings;

    // 1 where the decoder answers with a token that counts, [rows, tokens]; null where the answer is given token by token.
    private static Tensor? Answered(TokenBatch batch) =>
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
