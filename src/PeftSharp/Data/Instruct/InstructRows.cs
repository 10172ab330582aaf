using PeftSharp.Data.Files;

namespace PeftSharp.Data.Instruct;

/// <summary>The rows of a file of instruction data, each a <see cref="Conversation"/> as text.</summary>
internal static class InstructRows
{
    /// <summary>True if a file's first good row is one of instruction data, told by its fields; only JSON is looked at.</summary>
    public static bool Recognise(string path, DataOptions options)
    {
        if (options.Text is not null || options.Label is not null
            || DataFile.FormatOf(path, options.Format) != DataFormat.Json) return false;
        var first = JsonRows.Read(path, options).FirstOrDefault(row => row.Problem is null);
        return first is { Problem: null, Line: > 0 } && InstructFields.Recognise(first.Value);
    }

    /// <summary>Reads a file. Named columns are the prompt and, with a second one, what follows it.</summary>
    public static IEnumerable<RawExample> Read(string path, DataOptions options, BadRows bad, SharedColumns shared)
    {
        if (options.Text is null && DataFile.FormatOf(path, options.Format) == DataFormat.Json) return ReadJson(path, options, bad, shared);
        return FileRows.Read(path, options, bad, shared).Select(row =>
            row with { Text = Conversation.Of(row.Text, row.Pair).ToText(), Pair = null });
    }

    private static IEnumerable<RawExample> ReadJson(string path, DataOptions options, BadRows bad, SharedColumns shared)
    {
        var number = -1;
        foreach (var row in JsonRows.Read(path, options))
        {
            shared.FileRows[path] = ++number + 1;
            var conversation = Conversation.Of("", null);
            if ((row.Problem ?? InstructFields.Take(row.Value, out conversation)) is { } problem)
            {
                bad.Report(path, row.Line, problem);
                continue;
            }
            yield return new RawExample(path, row.Line, conversation.ToText(), null, null)
            {
                Row = number,
                Kept = KeptColumns.OfJson(path, row.Value, options, shared)
            };
        }
    }
}
