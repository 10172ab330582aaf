using System.Text.Json.Nodes;
using CsvHelper;

namespace PeftSharp.Runs.Comparing;

/// <summary>Rows of values by name as CSV.</summary>
internal static class CsvTable
{
    /// <summary>The table; its columns are those of the first row, which all rows have.</summary>
    public static string Text(IEnumerable<JsonObject> rows)
    {
        using var text = new StringWriter();
        using (var csv = CsvWriter.Create(text, CsvWriterOptions.Default with { NewLine = "\n" }, leaveOpen: true))
        {
            var first = true;
            foreach (var row in rows)
            {
                if (first) csv.WriteRecord([.. row.Select(r => r.Key)]);
                first = false;
                csv.WriteRecord([.. row.Select(r => r.Value?.ToString() ?? "")]);
            }
        }
        return text.ToString();
    }
}
