using System.Text.RegularExpressions;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>Which files of a repository this library reads: never a pickle, never code.</summary>
internal static partial class HubFiles
{
    public const string Index = "model.safetensors.index.json";

    private const string Single = "model.safetensors", ModelConfig = "config.json", AdapterConfig = "adapter_config.json";

    // run.json and peft_proof.json: what a training run of ours wrote beside its adapter.
    private static readonly string[] Beside = [.. KnownFiles.Tokenizer, "run.json", KnownFiles.Proof];
    private static readonly string[] OfModels = [ModelConfig, "generation_config.json"];
    private static readonly string[] AdapterWeights = ["adapter_model.safetensors", "adapter.safetensors"];
    private static readonly string[] OfAdapters =
    [
        AdapterConfig, .. AdapterWeights, "model_head.safetensors", "pooled_head.safetensors", "head_config.json",
        "adapter_encoder.safetensors", KnownFiles.Shared,
    ];
    private static readonly string[] Pickles =
        ["pytorch_model.bin", "pytorch_model.bin.index.json", "adapter_model.bin", "pytorch_adapter.bin"];

    /// <summary>The files to read, shards excepted: those are in the index.</summary>
    /// <param name="names">What there is.</param>
    /// <param name="wanted">What is wanted.</param>
    /// <param name="where">The place, for messages.</param>
    /// <exception cref="HubException">Nothing of the kind is there.</exception>
    public static List<string> Choose(IReadOnlyCollection<string> names, HubContent wanted, string where)
    {
        if (wanted == HubContent.Any)
            wanted = names.Contains(AdapterConfig) && !names.Contains(Single) && !names.Contains(Index)
                ? HubContent.Adapter
                : HubContent.Model;
        return [.. (wanted == HubContent.Adapter ? Adapter(names, where) : Model(names, where)).Concat(Beside.Where(names.Contains))];
    }

    /// <summary>Names of the files in a folder, those of its modules with the module's name before.</summary>
    public static IEnumerable<string> NamesIn(string folder) => Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f))
        .Concat(
            Directory.EnumerateDirectories(folder)
                .SelectMany(d => Directory.EnumerateFiles(d).Select(f => $"{Path.GetFileName(d)}/{Path.GetFileName(f)}"))
                .Where(name => SentenceFile().IsMatch(name)));

    /// <summary>True if a file of weights could run code when it is read.</summary>
    public static bool IsPickle(string name) => Pickles.Contains(name);

    /// <summary>The shards that an index names, each a plain name.</summary>
    public static List<string> Shards(string index) => [.. ShardIndex.Read(index).Values.Distinct().Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Model(IReadOnlyCollection<string> names, string where)
    {
        if (!names.Contains(ModelConfig))
            throw Nothing(names.Contains(AdapterConfig)
                ? $"{where} holds an adapter, not a model; give it as --adapter, and the model that it was trained on as --base."
                : $"{where} has no {ModelConfig}, so it holds no model; check the name, or choose another revision.");
        var weights = names.Contains(Single) ? Single : names.Contains(Index) ? Index : throw NoWeights(names, where, Single);
        return OfModels.Where(names.Contains)
            .Append(weights)
            .Concat(names.Where(name => SentenceFile().IsMatch(name)).Order(StringComparer.Ordinal));
    }

    // A model in the layout of sentence-transformers: its pooling, and the linear maps of its head.
    [GeneratedRegex(
        @"^(?:modules\.json|sentence_bert_config\.json|\d{1,2}_Pooling/config\.json"
        + @"|\d{1,2}_Dense/(?:config\.json|model\.safetensors))$", RegexOptions.CultureInvariant)]
    private static partial Regex SentenceFile();

    private static IEnumerable<string> Adapter(IReadOnlyCollection<string> names, string where)
    {
        if (!names.Contains(AdapterConfig))
            throw Nothing($"{where} has no {AdapterConfig}, so it holds no adapter; check the name, or choose another revision.");
        return AdapterWeights.Any(names.Contains) ? OfAdapters.Where(names.Contains) : throw NoWeights(names, where, AdapterWeights[0]);
    }

    private static HubException NoWeights(IReadOnlyCollection<string> names, string where, string expected) =>
        Nothing(Pickles.FirstOrDefault(names.Contains) is { } pickle
        ? $"{where} has its weights as a pickle only ({pickle}), which can run code when it is read and is therefore refused; choose a "
            + $"revision or a copy with {expected} (some offer one as a pull request, --revision refs/pr/N), or convert it with its "
            + "own library."
        : $"{where} has no {expected}; choose a revision or a copy of it that has.");

    private static HubException Nothing(string message) => new(HubProblem.NothingUsable, message);
}
