using System.Text.Json;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Runs;

/// <summary>What earlier versions kept in <c>run.json</c> alone. Today the file is a report: the card beside the tensors counts.</summary>
internal static class EarlierCard
{
    private const string FileName = "run.json";
    private const string Advice = "remove it, or train again";

    /// <summary>Reads it; null where there is no such file, or it speaks of something else.</summary>
    /// <exception cref="PeftException">The file is no JSON object.</exception>
    public static AnswerCard? TryRead(string folder)
    {
        var file = Path.Combine(folder, FileName);
        if (!File.Exists(file)) return null;
        var source = new JsonSource(file, Advice);
        using var document = StrictJson.Document(source, RegularFile.Bytes(file, JsonBounds.Settings.Bytes, Advice));
        return document.RootElement.ValueKind == JsonValueKind.Object
            ? Card(document.RootElement)
            : throw source.Bad("holds no JSON object, which was expected");
    }

    /// <summary>What a report says otherwise than the card that counts.</summary>
    public static IEnumerable<string> Differences(string folder, AnswerCard? card, AnswerCard? report)
    {
        if (card is null || report is null) yield break;
        var file = Path.Combine(folder, FileName);
        if (report.Labels is { } labels && card.Labels is { } own && !labels.SequenceEqual(own))
            yield return $"{file} names other labels than the card beside the tensors; the card counts.";
        if (report.Pooling != card.Pooling)
            yield return $"{file} says another pooling ({Name(report.Pooling)}) than the card beside the tensors ({Name(card.Pooling)}); "
                + "the card counts.";
        if (report.MaxLength is { } length && length != card.MaxLength)
            yield return $"{file} says another max_length ({length}) than the card beside the tensors "
                + $"({card.MaxLength?.ToString() ?? "none"}); the card counts.";
    }

    private static string Name(Pooling pooling) => pooling.ToString().ToLowerInvariant();

    private static AnswerCard? Card(JsonElement run)
    {
        if (Text(run, "problem") is not { } problem) return null;
        var settings = run.TryGetProperty("settings", out var given) && given.ValueKind == JsonValueKind.Object ? given : default;
        var regression = problem == "regression";
        return new AnswerCard
        {
            Task = regression ? TaskKind.Regression
                : problem == "multi_label_classification" ? TaskKind.MultiLabel : TaskKind.Classification,
            Labels = regression ? null : Labels(run),
            Pooling = Enum.TryParse<Pooling>(Text(settings, "pooling"), ignoreCase: true, out var pooling) ? pooling : Pooling.Pooler,
            MaxLength = Number(settings, "max_length") is { } length and >= 1 ? length : null,
            Quantize = Quantization.Named(
                Text(settings, "quantize"), Number(settings, "block_size") ?? 64, Flag(settings, "double_quant")),
        };
    }

    private static string[]? Labels(JsonElement run) =>
        run.TryGetProperty("labels", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0
            && list.EnumerateArray().All(l => l.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(l => l.GetString()!)] : null;

    private static string? Text(JsonElement json, string field) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static int? Number(JsonElement json, string field) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt32(out var number)
            ? number
            : null;

    private static bool Flag(JsonElement json, string field) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.True;
}
