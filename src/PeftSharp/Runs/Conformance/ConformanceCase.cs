using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Conformance;

/// <summary>
/// A folder of reference numbers: a tiny model, an adapter, one batch, and what the reference implementation makes of them.
/// </summary>
internal sealed class ConformanceCase : IDisposable
{
    private readonly SafetensorsFile _expected;
    private readonly Dictionary<string, Tensor> _cache = [];

    public ConformanceCase(string folder)
    {
        Folder = folder;
        if (!Directory.Exists(folder)) throw new PeftException($"The case folder {folder} does not exist.");
        if (!File.Exists(Path.Combine(folder, "case.json")) || !File.Exists(Path.Combine(folder, "expected.safetensors")))
            throw new PeftException($"{folder} is no reference case: it lacks case.json or expected.safetensors.");
        Json = AdapterJson.ReadObject(Path.Combine(folder, "case.json"));
        _expected = SafetensorsFile.Open(Path.Combine(folder, "expected.safetensors"));
        ModelFolder = Path.GetFullPath(Path.Combine(folder, "..", "..", "models", Json["architecture"]?.ToString() ?? "?"));
        var adapter = Directory.Exists(Path.Combine(folder, "fusion")) ? Path.Combine(folder, "fusion") : folder;
        if (AdapterFolder.Is(adapter))
        {
            Adapter = AdapterFolder.Open(adapter);
            Options = Adapter.Options;
        }
        else if (Json["method"]?.ToString() is { } method) Options = Described(method);
        else throw new PeftException($"{folder} names no method: it has neither adapter_config.json nor \"method\" in case.json.");
    }

    // Settings that case.json gives beside the method's name.
    private MethodOptions Described(string method)
    {
        var options = MethodRegistry.Options(method);
        var settings = JsonNode.Parse(AdapterJson.Text(options))!.AsObject();
        var given = settings.Select(s => s.Key).Where(name => Json.ContainsKey(name) && name != "task_type").ToList();
        if (given.Count == 0) return options;
        foreach (var name in given) settings[name] = Json[name]?.DeepClone();
        return AdapterJson.Parse(settings, MethodRegistry.ByPeftType(options.PeftType)!, Path.Combine(Folder, "case.json"));
    }

    public string Folder { get; }

    public JsonObject Json { get; }

    public string ModelFolder { get; }

    public AdapterFolder? Adapter { get; }

    public MethodOptions Options { get; }

    /// <summary>True if the case has several adapters, and trains a fusion of them.</summary>
    public bool IsComposition => Adapter?.Options is FusionOptions;

    public AdapterFormat Format => Adapter?.Format ?? AdapterFormat.Peft;

    public IEnumerable<string> Names => _expected.Tensors.Keys;

    public bool Has(string name) => _expected.Tensors.ContainsKey(name);

    public Tensor this[string name] => _cache.TryGetValue(name, out var found) ? found : _cache[name] = _expected.Read(name);

    public TransformerModel LoadModel(ScalarType precision = ScalarType.Float32) =>
        ModelLoader.Load(ModelFolder, new ModelOptions { Precision = precision, AlibiTwice = true });

    /// <summary>The case's batch; the tensors belong to the case.</summary>
    /// <param name="adapted">True for a forward through the adapter: peft drops the segment ids of question answering there.</param>
    public TokenBatch Batch(bool adapted) => new()
    {
        InputIds = this["in.input_ids"],
        AttentionMask = Has("in.attention_mask") ? this["in.attention_mask"] : ones_like(this["in.input_ids"]),
        TokenTypeIds = Has("in.token_type_ids") && !(adapted && Json["task_type"]?.ToString() == "QUESTION_ANS")
            ? this["in.token_type_ids"]
            : null,
        Labels = Has("in.labels") ? this["in.labels"]
            : Has("in.start_positions") ? stack([this["in.start_positions"], this["in.end_positions"]], 1) : null,
        Unpadded = false,
    };

    public void Dispose()
    {
        foreach (var tensor in _cache.Values) tensor.Dispose();
        _expected.Dispose();
    }
}
