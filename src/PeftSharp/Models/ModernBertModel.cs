using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// ModernBERT (Warner et al. 2024, arXiv 2412.13663): an encoder with rotary positions, gated feed-forward blocks and layers that see near
/// tokens alone.
/// </summary>
internal sealed class ModernBertModel : EncoderModel
{
    private readonly ModernBertConfig _shape;
    private readonly Rotary _far, _near;
    private readonly ModernBertLayer[] _layers;
    private readonly Norm _norm;

    private ModernBertModel(ModelPlan plan, EncoderConfig encoder, ModernBertConfig shape, SiteBuilder build)
        : base(plan.Config, encoder, build, plan.Task == TaskKind.Embedding ? "" : Architecture.Prefix)
    {
        _shape = shape;
        (_far, _near) = (new(shape.Far), new(shape.Near));
        BuildEmbeddings(new() { Words = "tok_embeddings", Positions = null, Norm = "norm", NormHasBias = shape.NormBias });
        _layers =
            [.. Enumerable.Range(0, shape.Layers).Select(i => new ModernBertLayer(build.AtLayer($"{BasePrefix}layers.{i}", i), i, shape))];
        BuildLayers(_layers.Length);
        _norm = build.Norm($"{BasePrefix}final_norm", shape.Hidden, shape.Epsilon, hasBias: shape.NormBias);
        BuildHead(plan.Task == TaskKind.Embedding ? new EmbeddingHead(plan.Options.Pooling ?? Pooling.Pooler, null) : HeadOf(plan, build));
    }

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "modernbert",
        ClassName = "ModernBert",
        Prefix = "model.",
        Paper = "Warner et al. 2024, arXiv 2412.13663",
        Tasks = Architecture.EncoderTasks,
        FieldsWithoutEffect =
        [
            "deterministic_flash_attn", "reference_compile", "repad_logits_with_grad", "sparse_prediction", "sparse_pred_ignore_index",
            "decoder_bias",
        ],
        Create = plan =>
        {
            var encoder = Read(plan.Config);
            return new ModernBertModel(
                plan, encoder, ModernBertConfig.Read(plan.Config, encoder), plan.Builder("model.", encoder.InitializerRange));
        },
        Tiny = width => $$"""
            { "model_type": "modernbert", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 56, "max_position_embeddings": 41, "hidden_activation": "gelu", "norm_eps": 1e-5,
              "norm_bias": false, "local_attention": 4, "global_attn_every_n_layers": 2, "global_rope_theta": 700.0,
              "local_rope_theta": 300.0, "embedding_dropout": 0.15, "attention_dropout": 0.1, "mlp_dropout": 0.1,
              "classifier_dropout": 0.2, "classifier_pooling": "mean", "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    // The norm behind the last layer belongs to no layer.
    internal override bool RunsInParts => false;

    // A window would be that of a last query.
    private protected override bool SkipsTokens => false;

    private protected override LayerRunner Runner(Tensor hidden, Tensor? padding, ForwardContext context)
    {
        var all = new KeyMask { Padding = padding };
        var some = new KeyMask { Padding = padding, Reach = _shape.Reach };
        var positions = Places(hidden.shape[1], context);
        var (far, near) = (_far.At(positions, hidden.shape[1], hidden.dtype), _near.At(positions, hidden.shape[1], hidden.dtype));
        return (i, x, _, call) =>
        {
            x = _shape.IsLocal[i] ? _layers[i].Forward(x, some, near, call) : _layers[i].Forward(x, all, far, call);
            return i == _layers.Length - 1 ? _norm.Forward(x, call) : x;
        };
    }

    // [rows or 1, tokens]; a prefix moves them.
    private Tensor Places(long tokens, ForwardContext context)
    {
        var (shift, perRow) = Sites.PositionShift(context);
        var positions = Arithmetic.Range(shift, shift + tokens, device: Device).unsqueeze(0);
        return perRow is null ? positions : positions.Plus(tensor(perRow, ScalarType.Int64, device: Device).unsqueeze(1));
    }

    private PredictionHead HeadOf(ModelPlan plan, SiteBuilder build)
    {
        var (task, dropout, pooling) = (plan.Task, Shape.HeadDropout, PoolingOf(plan));
        var dense = build.Projection("head.dense", ProjectionRole.Pooler, Width, Width, _shape.HeadBias);
        var norm = build.NewNorm("head.norm", Width, _shape.Epsilon, _shape.NormBias);
        var map = Classifier("classifier", task == TaskKind.QuestionAnswering ? 2 : plan.Outputs, Width);
        TaskHead inner = task switch
        {
            TaskKind.TokenClassification => new TokenHead(dropout, map),
            TaskKind.QuestionAnswering => new AnswerHead(map, "classifier"),
            _ => new SequenceHead(task, Pooling.Cls, null, "", false, dropout, map, ["classifier", "score"]),
        };
        var answersTexts = task is not (TaskKind.TokenClassification or TaskKind.QuestionAnswering);
        return new(task, answersTexts ? pooling : null, dense, _shape.HeadActivation, norm, inner);
    }

    // transformers' class pools as config.json says: another pooling would be answered otherwise there.
    private Pooling PoolingOf(ModelPlan plan)
    {
        if (plan.Options.Pooling is null or Pooling.Pooler || plan.Options.Pooling == _shape.HeadPooling) return _shape.HeadPooling;
        throw new PeftException(
            $"{plan.Config.File}: ModernBERT pools as \"classifier_pooling\" says ({_shape.HeadPooling}); change that field to \"cls\" or "
            + $"\"mean\" rather than ask for {plan.Options.Pooling}.");
    }

    private static EncoderConfig Read(ModelConfig c)
    {
        HarmfulFields.Refuse(c);
        // Left over from BERT's configuration: transformers does not read them.
        _ = (c.Has("layer_norm_eps"), c.Has("position_embedding_type"));
        var (hidden, heads) = (c.Size("hidden_size", 1 << 16), c.Size("num_attention_heads", 1 << 10));
        if (hidden % heads != 0) throw new PeftException($"{c.File}: {heads} attention heads do not divide the width {hidden}.");
        return new()
        {
            Vocabulary = c.Size("vocab_size"),
            Hidden = hidden,
            Layers = c.Size("num_hidden_layers", 1 << 10),
            Heads = heads,
            Intermediate = c.Size("intermediate_size", 1 << 18),
            MaxPositions = c.Size("max_position_embeddings"),
            TypeVocabulary = 0,
            Activation = Activation.Known(c.Text("hidden_activation", "gelu"), c.File),
            Epsilon = c.Epsilon("norm_eps", 1e-5),
            HiddenDropout = c.Probability("embedding_dropout", 0),
            AttentionDropout = c.Probability("attention_dropout", 0),
            HeadDropout = c.Probability("classifier_dropout", 0),
            PadId = c.Int("pad_token_id", 0),
            InitializerRange = c.Deviation("initializer_range", 0.02),
        };
    }
}
