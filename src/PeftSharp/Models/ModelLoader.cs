using System.Text.Json.Nodes;
using PeftSharp.Checkpoints;
using PeftSharp.Interop;
using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>Loads a model from a Hugging Face folder.</summary>
public static class ModelLoader
{
    private delegate TransformerModel Factory(ModelConfig config, Checkpoint? checkpoint, TaskKind task, int outputs, ModelOptions options);

    private const string SeveralLabels = "multi_label_classification";

    private static readonly Dictionary<string, (string Class, Factory Make)> Architectures = new()
    {
        ["bert"] = ("Bert", (config, checkpoint, task, outputs, options) =>
        {
            var shape = EncoderConfig.Bert(config, 0);
            return new BertModel(config, shape, Build(checkpoint, task, "bert.", shape, options), task, outputs, options);
        }
        ),
        ["roberta"] = ("Roberta", (config, checkpoint, task, outputs, options) =>
        {
            var shape = EncoderConfig.Bert(config, 1);
            return new RobertaModel(config, shape, Build(checkpoint, task, "roberta.", shape, options), task, outputs, options);
        }
        ),
        ["distilbert"] = ("DistilBert", (config, checkpoint, task, outputs, options) =>
        {
            var shape = EncoderConfig.DistilBert(config);
            return new DistilBertModel(config, shape, Build(checkpoint, task, "distilbert.", shape, options), task, outputs, options);
        }
        ),
    };

    /// <summary>Names of the architectures (<c>model_type</c>) that can be loaded.</summary>
    public static IReadOnlyCollection<string> Supported => Architectures.Keys;

    /// <summary>Loads a model folder (config.json and safetensors).</summary>
    /// <exception cref="PeftException">The folder, its configuration or its tensors are not as expected.</exception>
    public static TransformerModel Load(string folder, ModelOptions? options = null)
    {
        LibTorch.EnsureLoaded();
        if (!Directory.Exists(folder))
            throw new PeftException($"The model folder {folder} does not exist; give a folder that holds config.json and model.safetensors.");
        var config = ModelConfig.Read(folder);
        using var checkpoint = Checkpoint.Open(folder);
        return Create(config, checkpoint, options ?? new());
    }

    /// <summary>Makes a model from a configuration and a checkpoint, or with random weights where that is null.</summary>
    public static TransformerModel Create(ModelConfig config, Checkpoint? checkpoint, ModelOptions options)
    {
        LibTorch.EnsureLoaded();
        config = config.Clone();
        if (!Architectures.TryGetValue(config.ModelType, out var architecture))
            throw new PeftException($"{config.File}: the architecture \"{config.ModelType}\" is not supported; supported are {string.Join(", ", Supported)}.");
        var task = options.Task ?? StoredTask(config);
        var labels = options.Labels ?? config.Labels();
        var outputs = task switch { TaskKind.Regression => 1, TaskKind.QuestionAnswering => 2, TaskKind.Embedding => 0, _ => labels?.Count ?? 2 };
        Describe(config, architecture.Class, task, task == TaskKind.Regression ? null : labels);
        return architecture.Make(config, checkpoint, task, outputs, options);
    }

    private static SiteBuilder Build(Checkpoint? checkpoint, TaskKind task, string prefix, EncoderConfig shape, ModelOptions options)
    {
        // A bare model's names lack the prefix; a checkpoint with a head has it all the same.
        var bare = task == TaskKind.Embedding && checkpoint is not null && checkpoint.Names.Any(n => n.StartsWith(prefix, StringComparison.Ordinal));
        return new(new TensorSource(checkpoint, bare ? "" : prefix, options.Precision, shape.InitializerRange, options.Seed, ComputeDevice.Parse(options.Device)) { AddedPrefix = bare ? prefix : "" }, options);
    }

    private static TaskKind StoredTask(ModelConfig config)
    {
        var architecture = (config.Json["architectures"] as JsonArray)?.FirstOrDefault()?.ToString() ?? "";
        return architecture switch
        {
            _ when architecture.EndsWith("ForSequenceClassification", StringComparison.Ordinal) =>
                config.Text("problem_type", "") == SeveralLabels ? throw new PeftException($"{config.File}: field \"problem_type\" is \"{SeveralLabels}\": several classes at once, which is not supported; train a new head on it for one class a text.")
                : config.Text("problem_type", "") == "regression" || config.Labels()?.Count == 1 ? TaskKind.Regression : TaskKind.Classification,
            _ when architecture.EndsWith("ForTokenClassification", StringComparison.Ordinal) => TaskKind.TokenClassification,
            _ when architecture.EndsWith("ForQuestionAnswering", StringComparison.Ordinal) => TaskKind.QuestionAnswering,
            _ => TaskKind.Embedding,
        };
    }

    // Keeps config.json true for the model that will be written.
    private static void Describe(ModelConfig config, string name, TaskKind task, IReadOnlyList<string>? labels)
    {
        var head = task switch
        {
            TaskKind.Classification or TaskKind.Regression => "ForSequenceClassification",
            TaskKind.TokenClassification => "ForTokenClassification",
            TaskKind.QuestionAnswering => "ForQuestionAnswering",
            _ => "Model",
        };
        config.Json["architectures"] = new JsonArray($"{name}{head}");
        if (task == TaskKind.Classification && config.Has("problem_type")) config.Json["problem_type"] = "single_label_classification";
        if (task == TaskKind.Regression)
        {
            config.Json["problem_type"] = "regression";
            labels = ["LABEL_0"];
        }
        if (labels is null) return;
        config.Json["id2label"] = new JsonObject(labels.Select((l, i) => KeyValuePair.Create($"{i}", (JsonNode?)l)));
        config.Json["label2id"] = new JsonObject(labels.Select((l, i) => KeyValuePair.Create(l, (JsonNode?)i)));
    }
}
