using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Rows;
using static TorchSharp.torch;

namespace PeftSharp.Runs;

/// <summary>What a path holds, as JSON: a model, an adapter, or a checkpoint.</summary>
public static class Description
{
    /// <summary>The key of what a composition is made of.</summary>
    public const string Parts = "parts";

    /// <summary>Describes several adapters that act together, and each of them.</summary>
    /// <param name="given">What was given for them.</param>
    /// <param name="composed">The adapters.</param>
    /// <param name="basis">Their base model: adds counts of weights; null (default) for none.</param>
    /// <param name="tensors">True lists every tensor; default false.</param>
    /// <param name="open">As for one adapter.</param>
    /// <exception cref="PeftException">One of them does not exist, or is damaged.</exception>
    public static JsonObject Of(
        string given, ComposedFolders composed, string? basis = null, bool tensors = false,
        Func<string, string, LoadedModel>? open = null)
    {
        ArgumentNullException.ThrowIfNull(composed);
        return new()
        {
            ["path"] = given,
            ["kind"] = "composition",
            ["expression"] = composed.ToString(),
            ["head_of"] = composed.Answering,
            [Parts] = new JsonArray([.. composed.Folders.Select(folder => (JsonNode)Of(folder, basis, tensors, open))]),
        };
    }

    /// <summary>Describes it.</summary>
    /// <param name="path">A model folder or file, an adapter folder, or a safetensors file.</param>
    /// <param name="basis">The base model of an adapter: adds its counts of weights; null (default) for none.</param>
    /// <param name="tensors">True lists every tensor; default false.</param>
    /// <param name="open">Loads the base (first) with the adapter; by default nobody hears what a proof says against it.</param>
    /// <exception cref="PeftException">It does not exist, or is damaged.</exception>
    public static JsonObject Of(string path, string? basis = null, bool tensors = false, Func<string, string, LoadedModel>? open = null)
    {
        if (!Path.Exists(path))
            throw new PeftException($"{path} does not exist; give a model folder, an adapter folder, or a safetensors file.");
        if (File.Exists(path)) return ModelLoader.IsModelFile(path) ? Model(path, tensors) : CheckpointFile(path, tensors);
        if (AdapterFolder.Is(path)) return Adapter(path, basis, tensors, open);
        if (File.Exists(Path.Combine(path, "config.json")) || ModelLoader.IsModelFile(path)) return Model(path, tensors);
        throw new PeftException(
            $"{path} holds neither config.json (a model) nor adapter_config.json (an adapter); give a folder that holds one of them, or a "
            + "safetensors file.");
    }

    private static JsonObject CheckpointFile(string path, bool tensors)
    {
        using var checkpoint = Checkpoint.Open(path);
        var document = new JsonObject { ["path"] = path, ["kind"] = "checkpoint", ["bytes"] = FileSize.Of(path) };
        if (checkpoint.Metadata.Count > 0)
            document["metadata"] = new JsonObject(checkpoint.Metadata.Select(m => KeyValuePair.Create(m.Key, (JsonNode?)m.Value)));
        return Add(document, checkpoint.Names.Select(checkpoint.Info), tensors);
    }

    private static JsonObject Model(string path, bool tensors)
    {
        var config = ModelConfig.Read(path);
        var document = new JsonObject
        {
            ["path"] = path,
            ["kind"] = "model",
            ["architecture"] = config.ModelType,
            ["supported"] = ModelLoader.Supported.Contains(config.ModelType),
            ["architectures"] = config.Json["architectures"]?.DeepClone(),
        };
        foreach (var (name, fields) in Sizes)
            if (fields.FirstOrDefault(config.Has) is { } field) document[name] = SizeOf(config, field);
        if (config.Labels() is { } labels) document["labels"] = JsonText.Texts(labels);
        if (config.Json[AnswerCard.Key] is { } json)
        {
            var card = AnswerCard.Parse(json.ToJsonString(), config.File);
            if (card.Labels is { } names) document["labels"] = JsonText.Texts(names);
            document["pooling"] = card.Pooling.ToString().ToLowerInvariant();
            document["pairs"] = card.Pairs;
            document["max_length"] = card.MaxLength;
        }
        document["tokenizer"] = new[]
        {
            "tokenizer.json",
            "tokenizer.model",
            "spiece.model",
            "vocab.txt",
            "vocab.json",
        }.FirstOrDefault(f => File.Exists(Path.Combine(path, f)))
            ?? (Encoders.Find(path) is null ? null : "in the file");
        using var checkpoint = Checkpoint.Open(path);
        return Add(document, checkpoint.Names.Select(checkpoint.Info), tensors);
    }

    // Architectures that are not read may count by layer, in a list.
    private static JsonNode? SizeOf(ModelConfig config, string field) =>
        ModelLoader.Supported.Contains(config.ModelType) ? config.Size(field, int.MaxValue) : config.Json[field]!.DeepClone();

    private static JsonObject Adapter(string path, string? basis, bool tensors, Func<string, string, LoadedModel>? open)
    {
        var folder = AdapterFolder.Open(path);
        // A fusion is an artefact beside its adapters, and no method of its own.
        var method = MethodRegistry.ByPeftType(folder.Options.PeftType);
        var isFusion = folder.FusedNames.Count > 0;
        var settings = MethodSettings.Of(folder.Options);
        var document = new JsonObject
        {
            ["path"] = path,
            ["kind"] = isFusion ? "fusion" : "adapter",
            ["method"] = method?.Name ?? "fusion",
            ["family"] = (method?.Family ?? MethodFamily.Hybrid).ToString().ToLowerInvariant(),
            ["format"] = folder.Format == AdapterFormat.Peft ? "peft" : "adapterhub",
            ["peft_type"] = folder.Options.PeftType,
            ["task_type"] = folder.Options.TaskType,
            ["base_model"] = folder.Options.BaseModel,
            ["settings"] = new JsonObject(settings.Select(s => KeyValuePair.Create(s.Name, MethodSettings.Value(folder.Options, s)))),
        };
        if (isFusion) document["fuses"] = JsonText.Texts(folder.FusedNames);
        var card = File.Exists(folder.WeightsFile) ? folder.Card() : null;
        var report = RunFile.TryRead(path);
        if ((card?.Labels ?? report?.Labels) is { } labels) document["labels"] = JsonText.Texts(labels);
        if (card is not null)
        {
            document["pooling"] = card.Pooling.ToString().ToLowerInvariant();
            document["pairs"] = card.Pairs;
            document["max_length"] = card.MaxLength;
        }
        if (report is { } run)
        {
            document["metrics"] = run.Json["metrics"]?.DeepClone();
        }
        if (UnknownSettings.Remarks(folder) is { Count: > 0 } remarks) document["remarks"] = JsonText.Texts(remarks);
        if (basis is not null && !isFusion)
        {
            using var loaded = open?.Invoke(basis, path) ?? LoadedModel.Open(basis, path, new() { Proof = ProofUse.Warn });
            document["parameters"] = ParameterCount.Of(loaded.Model, loaded.Adapter!).Json;
        }
        if (!File.Exists(folder.WeightsFile))
            throw new PeftException($"{folder.WeightsFile} does not exist; the adapter folder is incomplete.");
        using var file = SafetensorsFile.Open(folder.WeightsFile);
        if (folder.SharedFile is { } sharedFile && File.Exists(sharedFile))
        {
            using var shared = SafetensorsFile.Open(sharedFile);
            document["shared_file"] = sharedFile;
            document["shared_bytes"] = shared.Tensors.Values.Sum(t => t.ByteLength);
            document["task_bytes"] = file.Tensors.Values.Sum(t => t.ByteLength);
        }
        return Add(document, file.Tensors.Values, tensors);
    }

    private static JsonObject Add(JsonObject document, IEnumerable<TensorInfo> infos, bool list)
    {
        var tensors = infos.OrderBy(t => t.Offset).ToList();
        document["tensor_count"] = tensors.Count;
        // buffers are no weights
        document["weights"] =
            tensors.Where(t => t.ScalarType is not (ScalarType.Int64 or ScalarType.Int32 or ScalarType.Bool)).Sum(t => t.Count);
        document["tensor_bytes"] = tensors.Sum(t => t.ByteLength);
        document["dtypes"] = JsonText.Texts(tensors.Select(Form).Distinct());
        if (list)
        {
            document["tensors"] = new JsonArray([.. tensors.Select(t => (JsonNode)new JsonObject
            {
                ["name"] = t.Name, ["dtype"] = Form(t), ["shape"] = new JsonArray([.. t.Shape.Select(d => (JsonNode?)d)]),
                ["elements"] = t.Count,
            })]);
        }
        return document;
    }

    private static string Form(TensorInfo tensor) => tensor.Blocks ?? tensor.ScalarType.ToString();

    private static readonly (string Name, string[] Fields)[] Sizes =
    [
        ("layers", ["num_hidden_layers", "n_layers", "n_layer"]),
        ("hidden_size", ["hidden_size", "dim", "n_embd"]),
        ("heads", ["num_attention_heads", "n_heads", "n_head"]),
        ("feed_forward_size", ["intermediate_size", "hidden_dim", "n_inner"]),
        ("vocabulary", ["vocab_size"]),
        ("positions", ["max_position_embeddings", "n_positions"]),
    ];
}
