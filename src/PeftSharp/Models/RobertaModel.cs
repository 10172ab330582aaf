using PeftSharp.Data;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>RoBERTa (Liu et al. 2019, arXiv 1907.11692): BERT's layers, positions that skip padding, a head of two layers.</summary>
internal sealed class RobertaModel : EncoderModel
{
    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "roberta",
        ClassName = "Roberta",
        Prefix = "roberta.",
        Paper = "Liu et al. 2019, arXiv 1907.11692",
        Tasks = Architecture.EncoderTasks,
        ClassifierMaps = ["classifier.dense", "classifier.out_proj"],
        Create = plan =>
        {
            var shape = EncoderConfig.Bert(plan.Config, 1);
            return new RobertaModel(
                plan.Config, shape, plan.Builder("roberta.", shape.InitializerRange), plan.Task, plan.Outputs, plan.Options);
        },
        Tiny = width => $$"""
            { "model_type": "roberta", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 56, "max_position_embeddings": 43, "type_vocab_size": 2, "hidden_act": "gelu",
              "layer_norm_eps": 1e-5, "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.1, "classifier_dropout": 0.2,
              "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    internal RobertaModel(ModelConfig config, EncoderConfig shape, SiteBuilder build, TaskKind task, int outputs, ModelOptions options)
        : base(config, shape, build, task == TaskKind.Embedding ? "" : "roberta.")
    {
        BuildBody("encoder.layer", BertModel.Names);
        var (hidden, pooling) = (shape.Hidden, options.Pooling ?? Pooling.Pooler);
        var pooler = task == TaskKind.Embedding && build.Source.Has($"{BasePrefix}pooler.dense.weight")
            ? Linear($"{BasePrefix}pooler.dense", ProjectionRole.Pooler, hidden, hidden) : null;
        BuildHead(Flexible(options, task, outputs) ?? (TaskHead)(task switch
        {
            TaskKind.Embedding => new EmbeddingHead(pooling, pooler),
            TaskKind.TokenClassification => new TokenHead(shape.HeadDropout, Classifier("classifier", outputs, hidden)),
            TaskKind.QuestionAnswering => new AnswerHead(Linear("qa_outputs", ProjectionRole.Head, 2, hidden)),
            _ => new SequenceHead(
                task, pooling, Linear("classifier.dense", ProjectionRole.Head, hidden, hidden), "tanh", true, shape.HeadDropout,
                Classifier("classifier.out_proj", outputs, hidden), ["classifier", "score"]),
        }));
    }

    /// <inheritdoc/>
    protected override int PositionOffset => Shape.PadId + 1;

    private protected override Tensor Positions(TokenBatch batch, InputState state, ForwardContext context) =>
        PositionsAfterPadding(batch, state, base.Positions(batch, state, context), context);
}
