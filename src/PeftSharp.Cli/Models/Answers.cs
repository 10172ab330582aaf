using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Metrics;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;

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
    private readonly AnswerReader _reader = new(labels, task);
    private readonly AnswerPlace _place = new(data, part);

    public static void CheckExtension(string? file)
    {
        if (file is not null && Kind(file) is null)
            throw new UsageException(
                $"--out {file}: the format cannot be told from the extension \"{Path.GetExtension(file)}\"; use .jsonl, .tsv or .csv.");
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
        for (var row = 0; row < data.Count; row++) writer.WriteLine(JsonText.Line(Row(row)));
    }

    private JsonObject Row(int row)
    {
        var example = data.Examples[row];
        var answer = _place.Json(row);
        if (example.InputIds is null) answer["text"] = example.Text;
        if (example.Pair is not null) answer["pair"] = example.Pair;
        if (_regression)
        {
            answer["value"] = JsonText.Number(table.Values[row]);
            return answer;
        }
        var read = Read(row);
        if (_several) answer["labels"] = JsonText.Texts(read.Labels);
        answer["label"] = read.Label;
        answer["probability"] = JsonText.Number(read.Probability);
        answer["probabilities"] = JsonText.Numbers(read.Probabilities);
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
            var read = Read(row);
            string[] cells = [read.Label!, Text(read.Probability), .. read.Probabilities.Select(p => Text(p.Value))];
            Line(writer, csv, [.. _place.Cells(row), .. cells]);
        }
    }

    private static void Line(TextWriter writer, bool csv, string[] cells) => writer.WriteLine(csv
        ? string.Join(
            ',', cells.Select(c => c.AsSpan().IndexOfAny(",\"\r\n") >= 0 ? $"\"{c.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : c))
        : string.Join('\t', cells.Select(c => c.ReplaceLineEndings(" ").Replace('\t', ' '))));

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private Prediction Read(int row) => _reader.Read(table.Values.Slice(row * table.Width, table.Width));
}
