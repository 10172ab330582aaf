using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Methods.Json;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using static TorchSharp.torch;

namespace PeftSharp.Formats;

/// <summary>Writes an adapter's folder.</summary>
internal static class AdapterWriter
{
    // What an adapter that stood there before may have left.
    private static readonly string[] Every =
    [
        AdapterFolder.PeftWeights, AdapterFolder.HubWeights, AdapterFolder.HubHead, AdapterFolder.PooledHead, AdapterFolder.EncoderWeights,
        AdapterFolder.SharedWeights, AdapterFolder.ConfigFile, HubHeadConfig.FileName, FusionLayout.ConfigFile, FusionLayout.Weights,
    ];

    // As long as every hash of a file.
    private static readonly string NoHash = new('0', 64);

    /// <inheritdoc cref="AdapterFolder.Save"/>
    public static void Write(PeftMethod method, string folder, string sharedFolder, AdapterFormat format)
    {
        method.RequireAttached();
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        // The format may be refused: before anything is written.
        var (texts, files) = (Texts(method, format, NoHash), Contents(method, format));
        string PathOf(string file) => Path.Combine(file == AdapterFolder.SharedWeights ? sharedFolder : folder, file);
        Directory.CreateDirectory(folder);
        Delete(folder, [KnownFiles.Proof]);
        foreach (var (file, tensors) in files) SafetensorsWriter.Write(PathOf(file), tensors, Metadata(method, file));
        if (files.Exists(f => f.File == AdapterFolder.SharedWeights))
            texts = Texts(method, format, FileDigest.Of(PathOf(AdapterFolder.SharedWeights), cache: null));
        foreach (var (file, text) in texts) AtomicFile.WriteText(Path.Combine(folder, file), text);
        var written = files.Select(f => f.File).Where(file => PathOf(file) == Path.Combine(folder, file));
        Delete(folder, Every.Except([.. written, .. texts.Select(t => t.File)]));
    }

    /// <inheritdoc cref="AdapterFolder.Files"/>
    public static IReadOnlyList<KeyValuePair<string, long>> Lengths(PeftMethod method, AdapterFormat format)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        return [
            .. Contents(method, format).Select(
                f => KeyValuePair.Create(f.File, SafetensorsWriter.Size(f.File, f.Tensors, Metadata(method, f.File)))),
            .. Texts(method, format, NoHash).Select(t => KeyValuePair.Create(t.File, (long)Encoding.UTF8.GetByteCount(t.Text))),
        ];
    }

    private static List<(string File, List<KeyValuePair<string, Tensor>> Tensors)> Contents(PeftMethod method, AdapterFormat format)
    {
        var weights = AdapterFolder.WeightsOf(method.Options, format);
        var shared = method.SharedNames(format);
        var saved = method.SavedTensors(format).ToLookup(tensor => shared.Contains(tensor.Key));
        List<(string, List<KeyValuePair<string, Tensor>>)> files = [(weights, [.. saved[false]])];
        // First, for the settings name it by its hash.
        if (shared.Count > 0) files.Insert(0, (AdapterFolder.SharedWeights, [.. saved[true]]));
        void AddExtra(string file, IEnumerable<AdapterTensor> tensors)
        {
            var list = tensors.Select(t => KeyValuePair.Create(t.Name, t.IsTransposedOnDisk ? t.OnDisk.contiguous() : t.Value)).ToList();
            if (list.Count > 0) files.Add((file, list));
        }
        // AdapterHub's classes would read a head as one over their own pooler.
        var head = PooledTask.IsFor(method) ? AdapterFolder.PooledHead : AdapterFolder.HubHead;
        AddExtra(head, method.Tensors.Where(t => t.SavedModule && format == AdapterFormat.AdapterHub));
        AddExtra(AdapterFolder.EncoderWeights, method.EncoderIsKnown ? method.EncoderTensors(format) : []);
        return files;
    }

    // Python's libraries read "format" and leave the rest alone.
    private static Dictionary<string, string> Metadata(PeftMethod method, string file)
    {
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (method.Card is { } card && file is (AdapterFolder.PeftWeights or AdapterFolder.HubWeights or FusionLayout.Weights))
            metadata[AnswerCard.Key] = card;
        return metadata;
    }

    private static List<(string File, string Text)> Texts(PeftMethod method, AdapterFormat format, string sharedHash)
    {
        List<(string, string)> texts = [(AdapterFolder.ConfigOf(method.Options), ConfigText(method, format, sharedHash))];
        var flexible =
            method.Tensors.FirstOrDefault(t => t.SavedModule && t.Path.StartsWith($"{FlexibleHead.Module}.", StringComparison.Ordinal));
        if (flexible is not null && format == AdapterFormat.Peft)
            throw new PeftException(
                $"The head of \"{method.Name}\" has AdapterHub's flexible layout ({flexible.Name}), for which the peft format has "
                + "no place; "
                + "save it in the AdapterHub format.");
        if (format == AdapterFormat.AdapterHub && !PooledTask.IsFor(method) && method.Tensors.Any(t => t.SavedModule))
            texts.Add((HubHeadConfig.FileName, AdapterJson.Text(HeadDocument(method))));
        return texts;
    }

    private static JsonObject HeadDocument(PeftMethod method)
    {
        var document = NewHubDocument(method);
        var told = method.Card is { } card ? AnswerCard.Parse(card, AdapterFolder.ConfigFile) : null;
        // Hugging Face counts the start and the end of an answer as two labels.
        var labels = told?.Task == TaskKind.QuestionAnswering ? LabelNames.Defaults(2) : told?.Labels;
        var map = new JsonObject();
        foreach (var (label, i) in (labels ?? ["LABEL_0"]).Select((label, i) => (label, i))) map[label] = i;
        if (method.Host.FlexibleHead is { } head)
        {
            var config = (JsonObject)head.DeepClone();
            document["name"] = config["name"]!.DeepClone();
            config.Remove("name");
            if (config["dropout_prob"] is JsonValue dropout) config["dropout_prob"] = PythonNumber.Float(dropout.GetValue<double>());
            (config["label2id"], config["num_labels"]) = (map, labels?.Count ?? 1);
            document["config"] = config;
            return document;
        }
        document["name"] = null;
        document["config"] = null;
        document["label2id"] = map;
        document["num_labels"] = labels?.Count ?? 1;
        return document;
    }

    private static string ConfigText(PeftMethod method, AdapterFormat format, string sharedHash)
    {
        if (format != AdapterFormat.Peft) return AdapterJson.Text(HubDocument(method));
        var options = PooledTask.Written(method);
        return AdapterJson.Text(method.SharedNames(format).Count > 0 ? options.WithSharedHash(sharedHash) : options);
    }

    private static JsonObject HubDocument(PeftMethod method)
    {
        var document = method.Options.Source is { } source && source["config"] is JsonObject
            ? (JsonObject)source.DeepClone()
            : NewHubDocument(method);
        document["name"] = method.Name;
        document["config"] = method.Options.ToAdapterHub();
        if (method is FusionMethod fusion) document["adapter_names"] = new JsonArray([.. fusion.FusedNames.Select(name => (JsonNode)name)]);
        return document;
    }

    // What AdapterHub tells of every module that it saves.
    private static JsonObject NewHubDocument(PeftMethod method) => new()
    {
        ["hidden_size"] = method.Host.Width,
        ["model_class"] = method.Host.ModelClass,
        ["model_name"] = method.Options.BaseModel,
        ["model_type"] = method.Host.ModelType,
        ["version"] = "adapters.1.2.0",
    };

    private static void Delete(string folder, IEnumerable<string> files)
    {
        foreach (var file in files) File.Delete(Path.Combine(folder, file));
    }
}
