using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using PeftSharp.Methods;
using PeftSharp.Runs.Recipes;
using PeftSharp.Sites;
using PeftSharp.Training;
using PeftSharp.Training.Resume;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Identity;

/// <summary>What makes the training of an adapter the run that it is: a checkpoint answers for one such identity.</summary>
public static class RunIdentity
{
    // Names and markers that no number depends on.
    private static readonly string[] Ignored = ["base_model_name_or_path", "revision", "inference_mode", "peft_type", "task_type"];

    /// <summary>The identity of a run: method and settings, base, trainer, data by content (not by path), precision, library.</summary>
    /// <param name="model">The model, its adapter attached.</param>
    /// <param name="adapter">The adapter that is trained.</param>
    /// <param name="trainer">The trainer's settings.</param>
    /// <param name="plan">The order of the batches.</param>
    /// <param name="train">The rows that are trained on.</param>
    /// <param name="held">The rows that are scored on, if any.</param>
    /// <param name="forward">How the forward pass runs.</param>
    /// <param name="metric">The metric that selects the best weights.</param>
    /// <param name="baseFolder">The folder that the base was loaded from: every byte of its configuration, weights and tokenizer belongs to
    /// the identity (digests are remembered for files that have not changed). Default: every value of the model in memory does.</param>
    /// <param name="adapterFile">The file of tensors that the adapter starts from, where the run goes on with one. Default: none.</param>
    /// <param name="fusedFiles">The files of tensors of the adapters that a fusion is trained of. Default: none.</param>
    /// <param name="adapterDrop">The most lowest layers that a step may leave the adapter out of (AdapterDrop). Default: 0.</param>
    /// <exception cref="PeftException">A file of the base cannot be read.</exception>
    public static RunFingerprint Of(
        PeftModel model, PeftMethod adapter, TrainerOptions trainer, BatchPlan plan, TokenizedDataset train,
        TokenizedDataset? held = null, ForwardOptions? forward = null, string? metric = null, string? baseFolder = null,
        string? adapterFile = null, IReadOnlyList<string>? fusedFiles = null, int adapterDrop = 0)
    {
        ArgumentNullException.ThrowIfNull(plan);
        List<KeyValuePair<string, string>> more = [.. OfRows(train, held)];
        foreach (var (file, i) in (fusedFiles ?? []).Select((file, i) => (file, i)))
            more.Add(new($"file {i + 1} of the fused adapters", $"SHA-256 {FileDigest.Of(file, FileDigest.DefaultCache)[..16]}"));
        if (adapterDrop > 0) more.Add(new("adapter_drop", adapterDrop.ToString(CultureInfo.InvariantCulture)));
        return Of(model, adapter, trainer, plan.BatchSize, plan.Order, more, forward, metric, baseFolder, adapterFile);
    }

    /// <summary>What the rows of a run are, by content.</summary>
    internal static IEnumerable<KeyValuePair<string, string>> OfRows(TokenizedDataset train, TokenizedDataset? held) =>
        [new("training data", Describe(train)), new("held-out data", held is null ? "none" : Describe(held))];

    /// <summary>The same for any number of datasets.</summary>
    internal static RunFingerprint Of(
        PeftModel model, PeftMethod adapter, TrainerOptions trainer, int batchSize, BatchOrder order,
        IEnumerable<KeyValuePair<string, string>> rows, ForwardOptions? forward, string? metric, string? baseFolder, string? adapterFile)
    {
        forward ??= new();
        List<KeyValuePair<string, string>> fields = [new("method", adapter.Options.PeftType)];
        // A method may call a setting as the trainer does.
        void Add(string name, string value) => fields.Add(new(fields.Any(f => f.Key == name) ? $"{name} of the trainer" : name, value));
        void AddAll(object settings)
        {
            foreach (var (name, value) in (JsonObject)JsonSerializer.SerializeToNode(settings, settings.GetType())!)
                if (!Ignored.Contains(name)) Add(name, value?.ToJsonString() ?? "null");
        }
        AddAll(adapter.Options);
        // Settings that peft's files have no place for, and those of a union's parts.
        foreach (
            var setting in MethodSettings.Of(adapter.Options)
                .Where(s => s.Part is not null || s.Property.IsDefined(typeof(SettingNameAttribute), true)))
            Add(setting.Name, MethodSettings.Value(adapter.Options, setting)?.ToJsonString() ?? "null");
        Add("task", model.Model.Head.TaskType);
        AddAll(trainer);
        Add("per_device_train_batch_size", batchSize.ToString(CultureInfo.InvariantCulture));
        Add("batch_order", order.ToString().ToLowerInvariant());
        Add("base_dropout", Flag(forward.BaseDropout));
        Add("layers without dropout (cache_trunk)", forward.LayersWithoutDropout.ToString(CultureInfo.InvariantCulture));
        Add("gradient_checkpointing", Flag(forward.Checkpointing));
        if (metric is not null) Add("metric_for_best_model", metric);
        foreach (var (name, value) in rows) Add(name, value);
        Add("precision of frozen weights", BaseIdentity.Precision(model));
        Add("what the head reads", model.Model.Head.ReadsFirstTokenOnly ? "the first token" : "all tokens");
        if (adapterFile is not null)
            Add("adapter that the run goes on with", $"SHA-256 {FileDigest.Of(adapterFile, FileDigest.DefaultCache)[..16]}");
        var size = $"{model.Model.Config.ModelType}, {model.Model.Sites.Count} weights";
        Add("base model", baseFolder is null ? $"{size}, {BaseIdentity.InMemory(model)}" : size);
        foreach (var (name, value) in baseFolder is null ? [] : BaseIdentity.OfFolder(baseFolder)) Add(name, value);
        Add("version of PeftSharp", typeof(RunIdentity).Assembly.GetName().Version?.ToString(3) ?? "none");
        var products = DenseProduct.UsesOneDnn ? ", fp32 by oneDNN" : "";
        return new(
            fields, $"{ComputeProbe.ProcessorName()}{products}, {get_num_threads()} threads, {RuntimeInformation.OSArchitecture}");
    }

    private static string Flag(bool value) => value ? "true" : "false";

    private static string Describe(TokenizedDataset data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Append<T>(ReadOnlySpan<T> values) where T : unmanaged => hash.AppendData(MemoryMarshal.AsBytes(values));
        foreach (var name in data.Data.LabelNames ?? []) hash.AppendData(Encoding.UTF8.GetBytes(name + "\n"));
        for (var row = 0; row < data.Count; row++)
        {
            var example = data.Data.Examples[row];
            Append<int>([data.Lengths[row], example.Label, BitConverter.SingleToInt32Bits(example.Target)]);
            if (example.Labels is { } labels) Append<int>([labels.Count, .. labels]);
            Append(data.Ids(row));
            Append(data.TypeIds(row));
        }
        return $"{data.Count} rows, {data.Tokens} tokens, {Short(hash)}";
    }

    private static string Short(IncrementalHash hash) => $"SHA-256 {Convert.ToHexStringLower(hash.GetHashAndReset())[..16]}";
}
