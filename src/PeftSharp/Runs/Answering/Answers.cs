using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Metrics;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Rows;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Answering;

/// <summary>
/// A model's answers to rows, each with its row's place in its source: label and probabilities, or a number. They are written as JSON
/// lines or as a table.
/// </summary>
public sealed class Answers
{
    private readonly IReadOnlyList<string> _labels;
    private readonly bool _regression, _several;
    private readonly AnswerReader _reader;
    private readonly AnswerPlace _place;

    internal Answers(TextDataset data, LogitTable outputs, IReadOnlyList<string> labels, TaskKind task, string? part = null)
    {
        (Data, Outputs, _labels) = (data, outputs, labels);
        (_regression, _several) = (task == TaskKind.Regression, task == TaskKind.MultiLabel);
        (_reader, _place) = (new(labels, task), new(data, part));
    }

    /// <summary>The rows.</summary>
    public TextDataset Data { get; }

    /// <summary>What the model gave, a row each.</summary>
    public LogitTable Outputs { get; }

    /// <summary>What is worth a remark, a sentence each: rows that were cut.</summary>
    public IReadOnlyList<string> Remarks { get; private init; } = [];

    /// <summary>Asks a model.</summary>
    /// <param name="model">The model, with a head that answers questions about whole texts.</param>
    /// <param name="rows">The rows; labels are not looked at.</param>
    /// <param name="maxLength">Most tokens a row; null (default) for as many as in training.</param>
    /// <param name="part">Name of the part of the data that the rows are; null (default) where it has no parts.</param>
    /// <param name="caller">Who asks, for messages. Default: a C# program.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="PeftException">The model answers no such question, or wants other rows.</exception>
    public static Answers Of(
        LoadedModel model, TextDataset rows, int? maxLength = null, string? part = null, Caller? caller = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        model.RequireHead();
        caller ??= Caller.Program;
        using var tokens = Encoders.Encode(
            rows, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(maxLength), caller, cancellation);
        model.RequireRowsLike(tokens.Origin);
        var outputs = new Evaluator(model.Model, model.Selection, tokens).Outputs(cancellation);
        return new(rows, outputs, model.Labels, model.Model.Model.Head.Kind, part)
        {
            Remarks = LeftOut.Cut(tokens, caller) is { } cut ? [cut] : [],
        };
    }

    /// <summary>True if the extension of a file says how answers are written into it: .jsonl, .ndjson, .tsv or .csv.</summary>
    public static bool CanWrite(string file) => Kind(file) is not null;

    /// <summary>Writes to a file by its extension; it appears whole or not at all.</summary>
    /// <exception cref="PeftException">The extension says nothing, or the file cannot be written.</exception>
    public void Write(string file)
    {
        var kind = Kind(file) ?? throw new PeftException(
            $"{file}: the format cannot be told from the extension \"{Path.GetExtension(file)}\"; use .jsonl, .tsv or .csv.");
        AtomicFile.Write(file, stream =>
        {
            using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
            if (kind == "json") Lines(writer);
            else Columns(writer, kind == "csv");
        });
    }

    /// <summary>Writes the raw outputs as a safetensors file: <c>logits</c>, float32, [rows, labels].</summary>
    /// <exception cref="PeftException">The file cannot be written.</exception>
    public void WriteLogits(string file)
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(file, [KeyValuePair.Create("logits", tensor(Outputs.Values.ToArray(), [Data.Count, Outputs.Width]))]);
    }

    /// <summary>All answers as one array.</summary>
    public JsonArray Json() => new([.. Enumerable.Range(0, Data.Count).Select(row => (JsonNode)Row(row))]);

    /// <summary>All answers, a line of JSON each.</summary>
    public void Lines(TextWriter writer)
    {
        for (var row = 0; row < Data.Count; row++) writer.WriteLine(JsonText.Line(Row(row)));
    }

    private static string? Kind(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".jsonl" or ".ndjson" => "json",
        ".tsv" => "tsv",
        ".csv" => "csv",
        _ => null,
    };

    private JsonObject Row(int row)
    {
        var example = Data.Examples[row];
        var answer = _place.Json(row);
        if (example.InputIds is null) answer["text"] = example.Text;
        if (example.Pair is not null) answer["pair"] = example.Pair;
        if (_regression)
        {
            answer["value"] = JsonText.Number(Outputs.Values[row]);
            return answer;
        }
        var read = Read(row);
        if (_several) answer["labels"] = JsonText.Texts(read.Labels);
        else
        {
            answer["label"] = read.Label;
            answer["probability"] = JsonText.Number(read.Probability);
        }
        answer["probabilities"] = JsonText.Numbers(read.Probabilities);
        return answer;
    }

    private void Columns(TextWriter writer, bool csv)
    {
        string[] answer = _regression ? ["value"] : _several ? ["labels"] : ["label", "probability"];
        string[] heads = _regression ? answer : [.. answer, .. _labels.Select(l => $"p({l})")];
        Line(writer, csv, [.. _place.Heads(heads), .. heads]);
        for (var row = 0; row < Data.Count; row++)
        {
            if (_regression)
            {
                Line(writer, csv, [.. _place.Cells(row), Text(Outputs.Values[row])]);
                continue;
            }
            var read = Read(row);
            string[] first = _several ? [Joined(read.Labels)] : [read.Label!, Text(read.Probability)];
            Line(writer, csv, [.. _place.Cells(row), .. first, .. read.Probabilities.Select(p => Text(p.Value))]);
        }
    }

    // As training reads them: with bars between, or as a list where a name has one.
    private static string Joined(IReadOnlyList<string> names) => names.Any(name => name.Contains('|') || name.StartsWith('['))
        ? JsonText.Line(JsonText.Texts(names))
        : string.Join('|', names);

    private static void Line(TextWriter writer, bool csv, string[] cells) => writer.WriteLine(csv
        ? string.Join(
            ',', cells.Select(c => c.AsSpan().IndexOfAny(",\"\r\n") >= 0 ? $"\"{c.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : c))
        : string.Join('\t', cells.Select(c => c.ReplaceLineEndings(" ").Replace('\t', ' '))));

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private Prediction Read(int row) => _reader.Read(Outputs.Values.Slice(row * Outputs.Width, Outputs.Width));
}
