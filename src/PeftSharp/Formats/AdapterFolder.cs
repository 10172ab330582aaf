using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Methods.Json;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Formats;

/// <summary>An adapter on disk: a folder as peft or as AdapterHub writes it.</summary>
public sealed class AdapterFolder
{
    private const string ConfigFile = "adapter_config.json", PeftWeights = "adapter_model.safetensors", HubWeights = "adapter.safetensors", HubHead = "model_head.safetensors", PooledHead = "pooled_head.safetensors", EncoderWeights = "adapter_encoder.safetensors";

    private static readonly string[] HubKinds = ["adapters", "loras", "prefix_tunings", "prefix_gates", "prompt_tunings"];


    private AdapterFolder(string path, MethodOptions options, AdapterFormat format, string? name, JsonObject json) =>
        (Path, Options, Format, SavedAs, Json) = (path, options, format, name, json);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The method's settings.</summary>
    public MethodOptions Options { get; internal set; }

    /// <summary>Whose layout it is.</summary>
    public AdapterFormat Format { get; }

    /// <summary>The name that the adapter was saved under, where the layout keeps it.</summary>
    public string? SavedAs { get; }

    /// <summary>The configuration as it stands on disk.</summary>
    public JsonObject Json { get; }

    /// <summary>The file of tensors.</summary>
    public string WeightsFile => System.IO.Path.Combine(Path, Format == AdapterFormat.Peft ? PeftWeights : HubWeights);

    /// <summary>Every file of tensors that the folder has: the adapter's, then its head's and its encoder's.</summary>
    public IReadOnlyList<string> TensorFiles =>
        [.. new[] { WeightsFile, System.IO.Path.Combine(Path, HubHead), System.IO.Path.Combine(Path, PooledHead), System.IO.Path.Combine(Path, EncoderWeights) }.Where(File.Exists)];

    /// <summary>The file of settings.</summary>
    public string SettingsFile => System.IO.Path.Combine(Path, ConfigFile);

    /// <summary>The pooling that the settings name where Hugging Face's own class has another; null where they name none.</summary>
    internal Pooling? Pooling { get; private init; }

    /// <summary>What answers depend on besides tensors, as the header of the weights says it; null for an adapter of another program, or of an earlier version.</summary>
    /// <exception cref="PeftException">The weights are missing or damaged, or what stands there is no card.</exception>
    public AnswerCard? Card()
    {
        using var file = SafetensorsFile.Open(WeightsFile);
        return file.Metadata.TryGetValue(AnswerCard.Key, out var text) ? AnswerCard.Parse(text, WeightsFile) : null;
    }

    /// <summary>The head that AdapterHub describes beside the adapter; null if it describes none.</summary>
    /// <exception cref="PeftException">The description is damaged, or of a head that is not supported.</exception>
    internal HubHeadConfig? HeadConfig() => Format == AdapterFormat.AdapterHub ? HubHeadConfig.TryRead(Path) : null;

    /// <summary>True if the folder holds an adapter's configuration.</summary>
    public static bool Is(string folder) => File.Exists(System.IO.Path.Combine(folder, ConfigFile));

    /// <summary>Reads an adapter's configuration.</summary>
    /// <exception cref="PeftException">The folder holds no adapter, or one of an unknown method.</exception>
    public static AdapterFolder Open(string folder)
    {
        var file = System.IO.Path.Combine(folder, ConfigFile);
        if (!File.Exists(file))
            throw new PeftException(Directory.Exists(folder)
                ? $"{folder} has no {ConfigFile}, so it holds no adapter; give the folder that a training run wrote."
                : ForeignFile.InPlaceOfFolder(folder, "adapter", ConfigFile));
        var source = new JsonSource(file, AdapterJson.Advice);
        var json = AdapterJson.ReadObject(file);
        if (json["peft_type"] is JsonValue type && type.TryGetValue<string>(out var peftType))
        {
            var method = MethodRegistry.ByPeftType(peftType) ?? throw new PeftException(
                $"{file}: the method \"{peftType}\" is not supported; supported are {string.Join(", ", MethodRegistry.All.Select(m => m.PeftType))}.");
            var (settings, pooling) = PooledTask.Read(AdapterJson.Parse(json, method, file));
            return new(folder, settings, AdapterFormat.Peft, null, json) { Pooling = pooling };
        }
        if (json["config"] is JsonObject config)
        {
            AdapterHubKinds.Check(source, config, "$.config");
            var fields = new JsonFields(source, json);
            AdapterHubHistory.Correct(config, fields.Text("version", 100));
            var options = MethodRegistry.FromAdapterHub(config, file);
            return new(folder, options with { BaseModel = fields.Text("model_name", 4096), Source = json }, AdapterFormat.AdapterHub, fields.Text("name", 1000), json);
        }
        throw new PeftException($"{file} has neither \"peft_type\" (peft) nor \"config\" (AdapterHub); it is no adapter configuration.");
    }

    /// <summary>Attaches the adapter to a model and takes its tensors over.</summary>
    /// <param name="model">The model that it was made for.</param>
    /// <param name="name">The adapter's name there; default: the name that it was saved under, or <c>default</c>.</param>
    /// <exception cref="PeftException">It does not fit the model; nothing is changed then.</exception>
    public PeftMethod LoadInto(PeftModel model, string? name = null)
    {
        var pickle = System.IO.Path.Combine(Path, Format == AdapterFormat.Peft ? "adapter_model.bin" : "pytorch_adapter.bin");
        if (!File.Exists(WeightsFile))
            throw new PeftException(File.Exists(pickle)
                ? $"{pickle} is a pickle, which can run code when it is read; save the adapter again as safetensors (peft: safe_serialization=True; AdapterHub: use_safetensors=True)."
                : $"{WeightsFile} does not exist; the adapter folder is incomplete.");
        name ??= SavedAs ?? "default";
        using var file = SafetensorsFile.Open(WeightsFile);
        var card = file.Metadata.TryGetValue(AnswerCard.Key, out var text) ? AnswerCard.Parse(text, WeightsFile) : null;
        RequirePooling(model.Model, card);
        var saved = file.Tensors.Keys.ToDictionary(k => Rename(k, name), file.Read);
        try
        {
            return model.AddSaved(Options, name, Outputs(saved, model.Model.Head.OutputMap), SavedNumbers(), method =>
            {
                method.LoadTensors(saved, Format, WeightsFile);
                var head = method.Tensors.Where(t => t.SavedModule && Format == AdapterFormat.AdapterHub).ToList();
                var headFile = File.Exists(System.IO.Path.Combine(Path, PooledHead)) ? PooledHead : HubHead;
                // A head that is the base's own may be left out.
                if (!LoadExtra(method, headFile, head) && head.FirstOrDefault(t => method.Host.Drawn.Contains(t.Name)) is { } drawn)
                    throw new PeftException($"{Path} has no {headFile}, and the base has no head of its own ({drawn.Name} was drawn at random); save the adapter again with its head.");
                if (LoadExtra(method, EncoderWeights, method.EncoderTensors(Format))) method.EncoderRestored();
                if (card is not null) model.Describe(method, card);
            });
        }
        finally
        {
            foreach (var tensor in saved.Values) tensor.Dispose();
        }
    }

    /// <summary>Writes an adapter; each file is written aside, flushed and renamed. Of an adapter that stood there before nothing stays that would be read with this one.</summary>
    /// <param name="method">The adapter.</param>
    /// <param name="folder">The folder; created if need be.</param>
    /// <param name="format">The layout; default: the one that holds the method's settings in full.</param>
    /// <param name="tokenizer">The tokenizer that made the token ids of training, saved beside it; null (default) for none.</param>
    /// <exception cref="PeftException">The method does not exist in that format, or a file cannot be written.</exception>
    public static void Save(PeftMethod method, string folder, AdapterFormat? format = null, Tokenization.Tokenizer? tokenizer = null)
    {
        WriteFiles(method, folder, format ?? method.Options.Format);
        tokenizer?.Save(folder);
    }

    private static void WriteFiles(PeftMethod method, string folder, AdapterFormat format)
    {
        method.RequireAttached();
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        // Both may refuse the format: before anything is written.
        var (texts, files) = (Texts(method, format), Contents(method, format));
        Directory.CreateDirectory(folder);
        Delete(folder, [KnownFiles.Proof]);
        foreach (var (file, tensors) in files) SafetensorsWriter.Write(System.IO.Path.Combine(folder, file), tensors, Metadata(method, file));
        foreach (var (file, text) in texts) AtomicFile.WriteText(System.IO.Path.Combine(folder, file), text);
        Delete(folder, new[] { PeftWeights, HubWeights, HubHead, PooledHead, EncoderWeights, HubHeadConfig.FileName }.Except([.. files.Select(f => f.File), .. texts.Select(t => t.File)]));
    }

    /// <summary>The files that <see cref="Save"/> would write, with their exact lengths in bytes.</summary>
    /// <exception cref="PeftException">The method does not exist in that format.</exception>
    public static IReadOnlyList<KeyValuePair<string, long>> Files(PeftMethod method, AdapterFormat format)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        return [
            .. Contents(method, format).Select(f => KeyValuePair.Create(f.File, SafetensorsWriter.Size(f.File, f.Tensors, Metadata(method, f.File)))),
            .. Texts(method, format).Select(t => KeyValuePair.Create(t.File, (long)Encoding.UTF8.GetByteCount(t.Text))),
        ];
    }

    private static List<(string File, List<KeyValuePair<string, Tensor>> Tensors)> Contents(PeftMethod method, AdapterFormat format)
    {
        List<(string, List<KeyValuePair<string, Tensor>>)> files = [(format == AdapterFormat.Peft ? PeftWeights : HubWeights, [.. method.SavedTensors(format)])];
        void AddExtra(string file, IEnumerable<AdapterTensor> tensors)
        {
            var list = tensors.Select(t => KeyValuePair.Create(t.Name, t.Value)).ToList();
            if (list.Count > 0) files.Add((file, list));
        }
        // AdapterHub's classes would read a head as one over their own pooler.
        AddExtra(PooledTask.IsFor(method) ? PooledHead : HubHead, method.Tensors.Where(t => t.SavedModule && format == AdapterFormat.AdapterHub));
        AddExtra(EncoderWeights, method.EncoderIsKnown ? method.EncoderTensors(format) : []);
        return files;
    }

    // Python's libraries read "format" and leave the rest alone.
    private static Dictionary<string, string> Metadata(PeftMethod method, string file)
    {
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (method.Card is { } card && file is (PeftWeights or HubWeights)) metadata[AnswerCard.Key] = card;
        return metadata;
    }

    private static List<(string File, string Text)> Texts(PeftMethod method, AdapterFormat format)
    {
        List<(string, string)> texts = [(ConfigFile, ConfigText(method, format))];
        var flexible = method.Tensors.FirstOrDefault(t => t.SavedModule && t.Path.StartsWith($"{FlexibleHead.Module}.", StringComparison.Ordinal));
        if (flexible is not null && format == AdapterFormat.Peft)
            throw new PeftException($"The head of \"{method.Name}\" has AdapterHub's flexible layout ({flexible.Name}), for which the peft format has no place; save it in the AdapterHub format.");
        if (format == AdapterFormat.AdapterHub && !PooledTask.IsFor(method) && method.Tensors.Any(t => t.SavedModule)) texts.Add((HubHeadConfig.FileName, AdapterJson.Text(HeadDocument(method))));
        return texts;
    }

    private static JsonObject HeadDocument(PeftMethod method)
    {
        var document = NewHubDocument(method);
        var labels = method.Card is { } card ? AnswerCard.Parse(card, ConfigFile).Labels : null;
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

    private static string ConfigText(PeftMethod method, AdapterFormat format) =>
        format == AdapterFormat.Peft ? AdapterJson.Text(PooledTask.Written(method)) : AdapterJson.Text(HubDocument(method));

    private static JsonObject HubDocument(PeftMethod method)
    {
        var document = method.Options.Source is { } source && source["config"] is JsonObject ? (JsonObject)source.DeepClone() : NewHubDocument(method);
        document["name"] = method.Name;
        document["config"] = method.Options.ToAdapterHub();
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

    private long SavedNumbers() => TensorFiles.Sum(path =>
    {
        using var file = SafetensorsFile.Open(path);
        return file.Tensors.Values.Sum(t => t.Count);
    });

    private static void Delete(string folder, IEnumerable<string> files)
    {
        foreach (var file in files) File.Delete(System.IO.Path.Combine(folder, file));
    }

    // The same tensors answer otherwise from another vector, and nothing would show it.
    private void RequirePooling(TransformerModel model, AnswerCard? card)
    {
        if (model.Head.Stages.Count == 0 || (card?.Pooling ?? Pooling) is not { } trained || trained == model.Card.Pooling) return;
        var (asked, loaded) = (model.Card with { Pooling = trained }, model.Card);
        if (!asked.IsApart(model.Config.ModelType) && !loaded.IsApart(model.Config.ModelType)) return;
        throw new PeftException($"{WeightsFile}: the adapter was trained with {trained} pooling, but the model was loaded with {loaded.Pooling}; load it with ModelOptions.Pooling = Pooling.{trained}, or both with LoadedModel.Open.");
    }

    // AdapterHub's keys carry the adapter's name after the kind of its tensors; modules of the model may have the same name.
    private string Rename(string key, string name)
    {
        if (Format != AdapterFormat.AdapterHub || SavedAs is not { } old || old == name) return key;
        foreach (var kind in HubKinds)
            if (key.IndexOf($".{kind}.{old}.", StringComparison.Ordinal) is >= 0 and var at)
                return $"{key[..(at + kind.Length + 2)]}{name}{key[(at + kind.Length + 2 + old.Length)..]}";
        return key;
    }

    /// <summary>Outputs of the head that is saved with the adapter; null if there is none that could stand in for the model's.</summary>
    private int? Outputs(Dictionary<string, Tensor> saved, ProjectionSite? map)
    {
        if (map is null) return null;
        var weight = $"{map.Path}.weight";
        bool IsWeight(string key) => key == weight || key.EndsWith($".{weight}", StringComparison.Ordinal);
        int? Fitting(long[] shape) => shape is [> 0 and <= 1 << 20, var width] && width == map.InFeatures ? (int)shape[0] : null;
        if (saved.Keys.FirstOrDefault(IsWeight) is { } key) return Fitting(saved[key].shape);
        var head = System.IO.Path.Combine(Path, HubHead);
        if (Format != AdapterFormat.AdapterHub || !File.Exists(head)) return null;
        using var file = SafetensorsFile.Open(head);
        return file.Tensors.Keys.FirstOrDefault(IsWeight) is { } own ? Fitting(file.Tensors[own].Shape) : null;
    }

    private bool LoadExtra(PeftMethod method, string name, IEnumerable<AdapterTensor> tensors)
    {
        var (path, list) = (System.IO.Path.Combine(Path, name), tensors.ToList());
        if (list.Count == 0 || !File.Exists(path)) return false;
        using var file = SafetensorsFile.Open(path);
        using var guard = no_grad();
        foreach (var tensor in list)
        {
            if (!file.Tensors.TryGetValue(tensor.Name, out var info) || !info.Shape.SequenceEqual(tensor.OnDisk.shape))
                throw new PeftException($"{path}: tensor \"{tensor.Name}\" of shape [{string.Join(", ", tensor.OnDisk.shape)}] is missing; the file belongs to another adapter or task.");
            using var value = file.Read(tensor.Name);
            tensor.Value.copy_(value);
        }
        return true;
    }
}
