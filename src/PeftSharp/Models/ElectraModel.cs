using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>ELECTRA's discriminator (Clark et al. 2020, arXiv 2003.10555): BERT's layers over narrower embeddings, no pooler.</summary>
internal sealed class ElectraModel : EncoderModel
{
    private ElectraModel(ModelPlan plan, EncoderConfig shape)
        : base(
            plan.Config, shape, plan.Builder(Architecture.Prefix, shape.InitializerRange),
            plan.Task == TaskKind.Embedding ? "" : Architecture.Prefix)
    {
        BuildEmbeddings(new() { Projection = shape.EmbeddingWidth == shape.Hidden ? null : "embeddings_project" });
        BuildLayers("encoder.layer", BertModel.Names);
        BuildHead(plan, null, shape.HeadDropout, pooling => new SequenceHead(
            plan.Task, pooling, Linear("classifier.dense", ProjectionRole.Head, Width, Width), "gelu", true, shape.HeadDropout,
            Classifier("classifier.out_proj", plan.Outputs, Width), ["classifier", "score"]));
    }

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "electra",
        ClassName = "Electra",
        Prefix = "electra.",
        Paper = "Clark et al. 2020, arXiv 2003.10555",
        Tasks = Architecture.EncoderTasks,
        ClassifierMaps = ["classifier.dense", "classifier.out_proj"],
        FieldsWithoutEffect = ["summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout"],
        Create = plan => new ElectraModel(plan, EncoderConfig.Bert(plan.Config, 0) with { EmbeddingSize = Embeddings(plan.Config) }),
        Tiny = width => $$"""
            { "model_type": "electra", "vocab_size": 97, "embedding_size": {{width - 12}}, "hidden_size": {{width}},
              "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 56, "max_position_embeddings": 41,
              "type_vocab_size": 3, "hidden_act": "gelu", "layer_norm_eps": 1e-5, "hidden_dropout_prob": 0.15,
              "attention_probs_dropout_prob": 0.1, "classifier_dropout": 0.2, "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    // The map from embeddings to layers lies between the two: a trunk would have to know of it.
    internal override bool RunsInParts => Shape.EmbeddingWidth == Shape.Hidden;

    private static int Embeddings(ModelConfig c) => c.Has("embedding_size") ? c.Size("embedding_size", 1 << 16) : 128;
}
