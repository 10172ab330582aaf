using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Checkpoints;
using PeftSharp.Cli.Terminal;
using PeftSharp.Data;
using PeftSharp.Evaluation;
using PeftSharp.Models.Heads;

namespace PeftSharp.Cli.Models;

/// <summary>A model's answers row by row, with the row's place in its source: label and probabilities, or a number.</summary>
/// <param name="data">The rows.</param>
/// <param name="table">What the model gave.</param>
/// <param name="labels">Names of the classes.</param>
/// <param name="task">What is answered.</param>
/// <param name="part">Name of the part of the data that the rows are; null where it has no parts.</param>
internal sealed class Answers(TextDataset data, LogitTable table, IReadOnlyList<string> labels, TaskKind task, string? part = null)
{
    private readonly bool _regression = task == TaskKind.Regression, _several = task == TaskKind.MultiLabel;
    private readonly AnswerPlace _place = new(data, part);

    public static void CheckExtension(string? file)
    {
        if (file is not null && Kind(file) is null)
            throw new UsageException($"--out {file}: the format cannot be told from the extension \"{Path.GetExtension(file)}\"; use .jsonl, .tsv or .csv.");
    }

    /// <summary>Writes to a file by its extension, or to standard output as JSON.</summary>
    public void Write(string? file, bool json)
    {
        if (file is not null)
        {
            AtomicFile.Write(file, stream =>
            {
                using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
                if (Kind(file) == "json") Lines(writer);
                else Columns(writer, Kind(file) == "csv");
            });
        }
        if (json) JsonOut.Write(new JsonArray([.. Enumerable.Range(0, data.Count).Select(r => (JsonNode)Row(r))]));
        else if (file is null) Lines(Console.Out);
    }

    private static string? Kind(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".jsonl" or ".ndjson" => "json",
        ".tsv" => "tsv",
        ".csv" => "csv",
        _ => null,
    };

    private void Lines(TextWriter writer)
    {
        for (var row = 0; row < data.Count; row++) writer.WriteLine(JsonOut.Line(Row(row)));
    }

    private JsonObject Row(int row)
    {
        var example = data.Examples[row];
        var answer = _place.Json(row);
        if (example.InputIds is null) answer["text"] = example.Text;
        if (example.Pair is not null) answer["pair"] = example.Pair;
        if (_regression)
        {
            answer["value"] = JsonOut.Number(table.Values[row]);
            return answer;
        }
        var (best, probabilities) = Probabilities(row);
        if (_several) answer["labels"] = JsonOut.Texts(Chosen(probabilities));
        answer["label"] = labels[best];
        answer["probability"] = JsonOut.Number(probabilities[best]);
        answer["probabilities"] = new JsonObject(labels.Select((l, i) => KeyValuePair.Create(l, JsonOut.Number(probabilities[i]))));
        return answer;
    }

    private void Columns(TextWriter writer, bool csv)
    {
        string[] heads = _regression ? ["value"] : ["label", "probability", .. labels.Select(l => $"p({l})")];
        Line(writer, csv, [.. _place.Heads(heads), .. heads]);
        for (var row = 0; row < data.Count; row++)
        {
            if (_regression)
            {
                Line(writer, csv, [.. _place.Cells(row), Text(table.Values[row])]);
                continue;
            }
            var (best, probabilities) = Probabilities(row);
            Line(writer, csv, [.. _place.Cells(row), labels[best], Text(probabilities[best]), .. probabilities.Select(p => Text(p))]);
        }
    }

    private static void Line(TextWriter writer, bool csv, string[] cells) => writer.WriteLine(csv
        ? string.Join(',', cells.Select(c => c.AsSpan().IndexOfAny(",\"\r\n") >= 0 ? $"\"{c.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : c))
        : string.Join('\t', cells.Select(c => c.ReplaceLineEndings(" ").Replace('\t', ' '))));

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    // Several classes at once: those more likely than not.
    private IEnumerable<string> Chosen(double[] probabilities) => labels.Where((_, i) => probabilities[i] >= 0.5);

    // Softmax, or a sigmoid for each class; a single output of a classifier leaves one class.
    private (int Best, double[] Probabilities) Probabilities(int row)
    {
        var logits = table.Values.Slice(row * table.Width, table.Width);
        var probabilities = new double[table.Width];
        double largest = float.NegativeInfinity, sum = 0;
        var best = 0;
        for (var i = 0; i < logits.Length; i++)
        {
            if (logits[i] > logits[best]) best = i;
            largest = Math.Max(largest, logits[i]);
        }
        if (_several)
        {
            for (var i = 0; i < logits.Length; i++) probabilities[i] = 1 / (1 + Math.Exp(-logits[i]));
            return (best, probabilities);
        }
        for (var i = 0; i < logits.Length; i++) sum += probabilities[i] = Math.Exp(logits[i] - largest);
        for (var i = 0; i < logits.Length; i++) probabilities[i] /= sum;
        return (best, probabilities);
    }
}
