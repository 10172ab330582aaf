using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Composition.Foreign;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Formats;

/// <summary>An adapter on disk: a folder as peft or as AdapterHub writes it.</summary>
public sealed partial class AdapterFolder
{
    internal const string ConfigFile = "adapter_config.json", PeftWeights = "adapter_model.safetensors", HubWeights = "adapter.safetensors";

    internal const string HubHead = "model_head.safetensors",
        PooledHead = "pooled_head.safetensors", EncoderWeights = "adapter_encoder.safetensors", SharedWeights = KnownFiles.Shared;

    private AdapterFolder(string path, MethodOptions options, AdapterFormat format, string? name, JsonObject json) =>
        (Path, Options, Format, SavedAs, Json) = (path, options, format, name, json);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The method's settings.</summary>
    public MethodOptions Options { get; internal set; }

    /// <summary>Whose layout it is.</summary>
    public AdapterFormat Format { get; }

    /// <summary>The name that the adapter was saved under, where the layout keeps it.</summary>
    internal string? SavedAs { get; }

    /// <summary>The configuration as it stands on disk.</summary>
    internal JsonObject Json { get; }

    /// <summary>The file of tensors.</summary>
    internal string WeightsFile => System.IO.Path.Combine(Path, WeightsOf(Options, Format));

    /// <summary>
    /// Every file of tensors that it has: the adapter's, then its head's, its encoder's, and what it shares with other tasks.
    /// </summary>
    internal IReadOnlyList<string> TensorFiles =>
        [
            .. new[] { HubHead, PooledHead, EncoderWeights }.Select(file => System.IO.Path.Combine(Path, file))
                .Prepend(WeightsFile)
                .Concat(SharedFile is { } shared ? [shared] : [])
                .Where(File.Exists),
        ];

    /// <summary>The file of settings.</summary>
    internal string SettingsFile => System.IO.Path.Combine(Path, ConfigOf(Options));

    /// <summary>Names of the adapters that a fusion fuses, in order; empty for an adapter.</summary>
    public IReadOnlyList<string> FusedNames { get; private init; } = [];

    /// <summary>The pooling that the settings name where Hugging Face's own class has another; null where they name none.</summary>
    internal Pooling? Pooling { get; private init; }

    /// <summary>
    /// What answers depend on besides tensors, as the header of the weights says it; null for an adapter of another program, or of an
    /// earlier version.
    /// </summary>
    /// <exception cref="PeftException">The weights are missing or damaged, or what stands there is no card.</exception>
    internal AnswerCard? Card()
    {
        using var file = SafetensorsFile.Open(WeightsFile);
        return file.Metadata.TryGetValue(AnswerCard.Key, out var text) ? AnswerCard.Parse(text, WeightsFile) : null;
    }

    /// <summary>The head that AdapterHub describes beside the adapter; null if it describes none.</summary>
    /// <exception cref="PeftException">The description is damaged, or of a head that is not supported.</exception>
    internal HubHeadConfig? HeadConfig() => Format == AdapterFormat.AdapterHub ? HubHeadConfig.TryRead(Path) : null;

    /// <summary>True if the folder holds an adapter's configuration, or a fusion's.</summary>
    public static bool Is(string folder) => File.Exists(System.IO.Path.Combine(folder, ConfigFile)) || IsFusion(folder);

    /// <summary>True if the folder holds a fusion, which acts with its adapters alone.</summary>
    public static bool IsFusion(string folder) => File.Exists(System.IO.Path.Combine(folder, FusionLayout.ConfigFile));

    internal static string ConfigOf(MethodOptions options) => options is FusionOptions ? FusionLayout.ConfigFile : ConfigFile;

    internal static string WeightsOf(MethodOptions options, AdapterFormat format) =>
        options is FusionOptions ? FusionLayout.Weights : format == AdapterFormat.Peft ? PeftWeights : HubWeights;

    /// <summary>Reads an adapter's configuration.</summary>
    /// <exception cref="PeftException">The folder holds no adapter, or one of an unknown method.</exception>
    public static AdapterFolder Open(string folder)
    {
        var file = System.IO.Path.Combine(folder, ConfigFile);
        if (!File.Exists(file) && IsFusion(folder)) return OpenFusion(folder);
        if (!File.Exists(file))
            throw new PeftException(Directory.Exists(folder)
                ? $"{folder} has no {ConfigFile}, so it holds no adapter; give the folder that a training run wrote."
                : ForeignFile.InPlaceOfFolder(folder, "adapter", ConfigFile));
        var source = new JsonSource(file, AdapterJson.Advice);
        var json = AdapterJson.ReadObject(file);
        if (json["peft_type"] is JsonValue type && type.TryGetValue<string>(out var peftType))
        {
            var method = MethodRegistry.ByPeftType(peftType) ?? throw new PeftException(
                $"{file}: the method \"{peftType}\" is not supported; supported are "
                + $"{string.Join(", ", MethodRegistry.All.Select(m => m.PeftType))}.");
            var (settings, pooling) = PooledTask.Read(AdapterJson.Parse(json, method, file));
            return new(folder, settings, AdapterFormat.Peft, null, json) { Pooling = pooling };
        }
        if (json["config"] is JsonObject config)
        {
            AdapterHubKinds.Check(source, config, "$.config");
            var fields = new JsonFields(source, json);
            AdapterHubHistory.Correct(config, fields.Text("version", 100));
            var options = MethodRegistry.FromAdapterHub(config, file);
            options = options with { BaseModel = fields.Text("model_name", 4096), Source = json };
            return new(folder, options, AdapterFormat.AdapterHub, fields.Text("name", 1000), json);
        }
        throw new PeftException($"{file} has neither \"peft_type\" (peft) nor \"config\" (AdapterHub); it is no adapter configuration.");
    }

    private static AdapterFolder OpenFusion(string folder)
    {
        var file = System.IO.Path.Combine(folder, FusionLayout.ConfigFile);
        var source = new JsonSource(file, AdapterJson.Advice);
        var json = AdapterJson.ReadObject(file);
        var fields = new JsonFields(source, json);
        if (json["config"] is not JsonObject config) throw fields.Wrong("config", json["config"], "the fusion's settings");
        var options = FusionLayout.Instance.Read(config)!;
        options.Validate();
        var names = fields.Texts("adapter_names") ?? fields.Text("name", 1000)?.Split(',') ?? [];
        if (names.Count is < 2 or > AdapterComposition.MostAdapters)
            throw fields.Wrong("adapter_names", json["adapter_names"], "the names of two adapters or more");
        options = options with { BaseModel = fields.Text("model_name", 4096), Source = json };
        return new(
            folder, options, AdapterFormat.AdapterHub, fields.Text("name", 1000) ?? string.Join(",", names), json)
        { FusedNames = names };
    }

    /// <summary>Attaches the adapter to a model and takes its tensors over.</summary>
    /// <remarks>A fusion finds its adapters by their names; they have to be attached before it.</remarks>
    /// <param name="model">The model that it was made for.</param>
    /// <param name="name">The adapter's name there; default: the name that it was saved under, or <c>default</c>.</param>
    /// <exception cref="PeftException">It does not fit the model; nothing is changed then.</exception>
    public PeftMethod LoadInto(PeftModel model, string? name = null) => new AdapterReader(this).LoadInto(model, name);

    /// <summary>Attaches the adapter to a network of TorchSharp's own modules and takes its tensors over.</summary>
    /// <param name="module">The network that it was made for, or one of the same children.</param>
    /// <param name="name">The adapter's name there; default: the name that it was saved under, or <c>default</c>.</param>
    /// <exception cref="PeftException">It does not fit the network; nothing is changed then.</exception>
    public PeftMethod LoadInto(AdaptedModule module, string? name = null) => new AdapterReader(this).LoadInto(module, name);

    /// <summary>
    /// Writes an adapter; each file is written aside, flushed and renamed. Of an adapter that stood there before nothing stays that would
    /// be read with this one.
    /// </summary>
    /// <param name="method">The adapter.</param>
    /// <param name="folder">The folder; created if need be.</param>
    /// <param name="format">The layout; default: the one that holds the method's settings in full.</param>
    /// <param name="tokenizer">The tokenizer that made the token ids of training, saved beside it; null (default) for none.</param>
    /// <exception cref="PeftException">The method does not exist in that format, or a file cannot be written.</exception>
    public static void Save(PeftMethod method, string folder, AdapterFormat? format = null, Tokenization.Tokenizer? tokenizer = null)
    {
        ArgumentNullException.ThrowIfNull(method);
        SaveApart(method, folder, folder, format ?? method.Options.Format, tokenizer);
    }

    /// <summary>The same, with what is shared with other tasks in a folder of its own.</summary>
    internal static void SaveApart(
        PeftMethod method, string folder, string sharedFolder, AdapterFormat format, Tokenization.Tokenizer? tokenizer = null)
    {
        AdapterWriter.Write(method, folder, sharedFolder, format);
        tokenizer?.Save(folder);
    }

    /// <summary>The files that <see cref="Save"/> would write, with their exact lengths in bytes.</summary>
    /// <exception cref="PeftException">The method does not exist in that format.</exception>
    public static IReadOnlyList<KeyValuePair<string, long>> Files(PeftMethod method, AdapterFormat format) =>
        AdapterWriter.Lengths(method, format);
}
