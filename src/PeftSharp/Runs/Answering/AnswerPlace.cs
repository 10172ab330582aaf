using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Data;

namespace PeftSharp.Runs.Answering;

/// <summary>
/// What ties an answer to the row that it answers: the row's number in its source, its line, file and part, and the columns that were kept.
/// </summary>
internal sealed class AnswerPlace
{
    // What an answer's JSON has of its own.
    private static readonly string[] Taken =
        ["row", "line", "file", "split", "text", "pair", "label", "labels", "probability", "probabilities", "value"];

    private readonly TextDataset _data;
    private readonly string? _part;
    private readonly bool _hasLines, _hasFiles;

    public AnswerPlace(TextDataset data, string? part)
    {
        (_data, _part) = (data, part);
        // Texts at hand and lines of standard input are their own places; rows of parquet have no line.
        _hasLines = data.Files.Any(file => !file.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase));
        _hasFiles = data.Files.Count > 1;
    }

    /// <summary>The beginning of an answer.</summary>
    public JsonObject Json(int index)
    {
        var example = _data.Examples[index];
        var json = new JsonObject { ["row"] = Row(index, example) };
        if (_hasLines) json["line"] = example.Line;
        if (_hasFiles) json["file"] = example.File;
        if (_part is not null) json["split"] = _part;
        for (var i = 0; i < _data.KeptColumns.Count; i++)
        {
            if (IsTold(_data.KeptColumns[i])) continue;
            var value = i < (example.Kept?.Count ?? 0) ? example.Kept![i] : default;
            json[Name(_data.KeptColumns[i], Taken)] = value.IsJson ? JsonNode.Parse(value.Text!) : value.Text;
        }
        return json;
    }

    /// <summary>Heads of the first columns of a table.</summary>
    /// <param name="others">Heads of the columns behind them.</param>
    public IEnumerable<string> Heads(IReadOnlyList<string> others)
    {
        yield return "row";
        if (_hasLines) yield return "line";
        if (_hasFiles) yield return "file";
        if (_part is not null) yield return "split";
        foreach (var column in _data.KeptColumns) yield return Name(column, [.. others, "row", "line", "file", "split"]);
    }

    public IEnumerable<string> Cells(int index)
    {
        var example = _data.Examples[index];
        yield return Row(index, example).ToString(CultureInfo.InvariantCulture);
        if (_hasLines) yield return example.Line.ToString(CultureInfo.InvariantCulture);
        if (_hasFiles) yield return example.File ?? "";
        if (_part is not null) yield return _part;
        for (var i = 0; i < _data.KeptColumns.Count; i++) yield return i < (example.Kept?.Count ?? 0) ? example.Kept![i].Text ?? "" : "";
    }

    private static int Row(int index, Example example) => example.Row < 0 ? index : example.Row;

    // The text and the pair stand in an answer's JSON anyway.
    private bool IsTold(string column) => column is "text" or "pair" && _data.Columns.Any(c => c.Name == column && c.Role == column);

    // A column that is called as a part of the answer is told from it by "source_".
    private string Name(string column, IReadOnlyList<string> taken)
    {
        var name = column;
        while (taken.Contains(name) || name != column && _data.KeptColumns.Contains(name)) name = $"source_{name}";
        return name;
    }
}
