using PeftSharp.Checkpoints;
using PeftSharp.Cli.Data;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Quantization;
using PeftSharp.Sites;
using PeftSharp.Tokenization;

namespace PeftSharp.Cli.Models;

/// <summary>A base model with at most one adapter, ready to answer.</summary>
internal sealed class LoadedModel
{
    private const string NoRun = "LABEL_";

    private readonly Lazy<Tokenizer?> _tokenizer;

    private LoadedModel(string folder, string? adapterFolder, RunFile? run, PeftModel model, PeftMethod? adapter, Lazy<Tokenizer?> tokenizer) =>
        (BaseFolder, AdapterFolderPath, Run, Model, Adapter, _tokenizer) = (folder, adapterFolder, run, model, adapter, tokenizer);

    public string BaseFolder { get; }

    public string? AdapterFolderPath { get; }

    public RunFile? Run { get; }

    public PeftModel Model { get; }

    public PeftMethod? Adapter { get; }

    public AdapterSelection Selection => Adapter is null ? AdapterSelection.None : AdapterSelection.Of(Adapter.Tag);

    public bool IsRegression => Model.Model.Head.Kind == TaskKind.Regression;

    /// <summary>Names of the classes; one name for a regression.</summary>
    public IReadOnlyList<string> Labels => Model.Model.Config.Labels() ?? [.. Enumerable.Range(0, Model.Model.Head.Outputs).Select(i => $"{NoRun}{i}")];

    public Tokenizer? Tokenizer() => _tokenizer.Value;

    /// <summary>The length that the adapter was trained with, or as much as the model takes.</summary>
    public int MaxLength(int? asked) => asked ?? Run?.MaxLength ?? Math.Min(Model.Model.MaxTokens, 512);

    /// <summary>Loads a base model, and an adapter into it.</summary>
    /// <param name="folder">The base.</param>
    /// <param name="adapterFolder">The adapter, or null.</param>
    /// <param name="adjust">Changes how the base is loaded.</param>
    /// <param name="dense">True unpacks 4-bit weights: to pack a merged weight again would round the update away.</param>
    /// <param name="proof">What to do where the folder's proof says that base, adapter or tokenizer are others.</param>
    public static LoadedModel Open(string folder, string? adapterFolder, Func<ModelOptions, ModelOptions>? adjust = null, bool dense = false, ProofUse proof = ProofUse.Refuse)
    {
        adjust ??= o => o;
        var tokenizer = new Lazy<Tokenizer?>(() => Encoders.Find(folder, adapterFolder));
        if (!Directory.Exists(folder)) throw new PeftException($"The model folder {folder} does not exist; give a folder that holds config.json and model.safetensors.");
        if (AdapterFolder.Is(folder) && !File.Exists(Path.Combine(folder, "config.json")))
            throw new PeftException($"{folder} is an adapter, not a base model; give it as --adapter, and the model that it was trained on as --base.");
        if (adapterFolder is null)
        {
            ProofGate.Check(folder, folder, proof, tokenizer);
            var own = RunFile.TryRead(folder);
            var plain = ModelLoader.Load(folder, adjust(new ModelOptions { Pooling = PoolingOf(own?.Pooling) }));
            return new(folder, null, own, new PeftModel(plain, folder), null, tokenizer);
        }
        var saved = AdapterFolder.Open(adapterFolder);
        ProofGate.Check(adapterFolder, folder, proof, tokenizer);
        var run = RunFile.TryRead(adapterFolder);
        var model = new PeftModel(ModelLoader.Load(folder, adjust(For(saved, run, ModelConfig.Read(folder)))), folder);
        if (dense)
            foreach (var weight in model.Model.Sites.Projections.Select(p => p.Weight).Where(w => w.Base is Nf4Store)) weight.Store(new DenseStore(weight.Copy()));
        return new(folder, adapterFolder, run, model, saved.LoadInto(model), tokenizer);
    }

    // The adapter says what the head is to be: the base has another one, or none.
    private static ModelOptions For(AdapterFolder saved, RunFile? run, ModelConfig config)
    {
        var options = new ModelOptions { Pooling = PoolingOf(run?.Pooling), Quantize = run?.Quantize };
        TaskKind? task = saved.Options.TaskType switch
        {
            "TOKEN_CLS" => TaskKind.TokenClassification,
            "QUESTION_ANS" => TaskKind.QuestionAnswering,
            "FEATURE_EXTRACTION" => TaskKind.Embedding,
            _ => null,
        };
        var outputs = Outputs(saved);
        if (outputs is null) return options with { Task = task };
        var labels = run?.Labels ?? (config.Labels() is { } own && own.Count == outputs ? own : [.. Enumerable.Range(0, outputs.Value).Select(i => $"{NoRun}{i}")]);
        if (run?.IsRegression != true && labels.Count != outputs)
            throw new PeftException($"{Path.Combine(saved.Path, RunFile.Name)} names {labels.Count} labels, but the adapter's head has {outputs} outputs; the files do not belong together.");
        return options with { Task = task ?? (run?.IsRegression ?? outputs == 1 ? TaskKind.Regression : TaskKind.Classification), Labels = labels };
    }

    /// <summary>Rows of the classifier that is saved with the adapter; null if there is none.</summary>
    private static int? Outputs(AdapterFolder saved)
    {
        foreach (var name in new[] { saved.WeightsFile, Path.Combine(saved.Path, "model_head.safetensors") })
        {
            if (!File.Exists(name)) continue;
            using var file = SafetensorsFile.Open(name);
            foreach (var (key, info) in file.Tensors)
                if (info.Shape.Length == 2 && Classifiers.Any(c => key.EndsWith(c, StringComparison.Ordinal)) && !key.Contains("pre_classifier", StringComparison.Ordinal) && !key.Contains("lora_", StringComparison.Ordinal))
                    return (int)info.Shape[0];
        }
        return null;
    }

    private static readonly string[] Classifiers = ["classifier.weight", "classifier.out_proj.weight", "score.weight", "qa_outputs.weight"];

    public static Pooling PoolingOf(string? text) => text is not null && Enum.TryParse<Pooling>(text, ignoreCase: true, out var pooling) ? pooling : Pooling.Pooler;
}
