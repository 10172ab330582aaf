using System.Text.Json.Nodes;
using PeftSharp.Files.Json;
using PeftSharp.Models;

namespace PeftSharp.Runs.Results;

/// <summary>What a training run wrote beside its adapter, as later verbs need it: labels, length, pooling.</summary>
public sealed class RunFile
{
    /// <summary>The file's name.</summary>
    public const string Name = "run.json";

    private const string Advice = "remove it, or train again";

    private RunFile(JsonObject json, string file)
    {
        Json = json;
        var fields = new JsonFields(new(file, Advice), json);
        var settings = fields.Object("settings");
        Labels = fields.Texts("labels");
        IsRegression = fields.Text("problem") is { } problem ? problem == "regression" : null;
        MaxLength = settings?.Int("max_length", 1, 1 << 24);
        Pooling = settings?.Text("pooling", 64);
        Task = fields.Text("task", 256);
        Quantize = settings is null ? null : Quantization.Named(
            settings.Text("quantize", 64), settings.Int("block_size", 1, 1 << 16) ?? 64, settings.Flag("double_quant") ?? false);
    }

    /// <summary>Everything that it holds.</summary>
    public JsonObject Json { get; }

    /// <summary>Names of the classes; null where it has none.</summary>
    internal IReadOnlyList<string>? Labels { get; }

    /// <summary>True if a number was learnt; null where it does not say.</summary>
    internal bool? IsRegression { get; }

    /// <summary>Most tokens a row.</summary>
    internal int? MaxLength { get; }

    /// <summary>How a text became one vector.</summary>
    internal string? Pooling { get; }

    /// <summary>How the base was quantised in training: the adapter answers for that base.</summary>
    internal Quantization? Quantize { get; }

    /// <summary>The GLUE task, if any.</summary>
    internal string? Task { get; }

    /// <summary>Reads the file of a folder; null if there is none.</summary>
    /// <exception cref="PeftException">It is no such file, or a field that later verbs need is of the wrong kind.</exception>
    public static RunFile? TryRead(string folder)
    {
        var file = Path.Combine(folder, Name);
        return File.Exists(file) ? new(StrictJson.ReadObject(file, Advice), file) : null;
    }
}
