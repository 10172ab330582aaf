using System.Text.Json;
using PeftSharp.Tokenization;

namespace PeftSharp.Data.Instruct;

/// <summary>Reads conversations out of JSON rows: alpaca, chats, ShareGPT, prompts with completions.</summary>
internal static class InstructFields
{
    private static readonly string[] Prompts = ["instruction", "prompt", "question"], Inputs = ["input", "context"],
        Answers = ["output", "completion", "response", "answer"];
    private static readonly string[] Chats = ["messages", "conversations", "conversation"];

    private static readonly Dictionary<string, string> Roles = new(StringComparer.Ordinal)
    {
        ["human"] = ChatMessage.User,
        ["user"] = ChatMessage.User,
        ["gpt"] = ChatMessage.Assistant,
        ["assistant"] = ChatMessage.Assistant,
        ["system"] = ChatMessage.System,
    };

    /// <summary>True if the columns are those of instruction data.</summary>
    public static bool Recognise(JsonElement row) => First(row, Chats) is not null || First(row, Prompts) is not null
        && First(row, Answers) is not null;

    /// <summary>The conversation of a row.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public static string? Take(JsonElement row, out Conversation conversation)
    {
        conversation = Conversation.Of("", null);
        try
        {
            if (First(row, Chats) is { } chat) return Chat(row, chat, out conversation);
            if (First(row, Prompts) is { } prompt && First(row, Answers) is { } answer) return Pair(row, prompt, answer, out conversation);
            if (First(row, ["text"]) is { } alone) return Text(row, alone, blank: false, out var text)
                ?? Set(Conversation.Of(text, null), out conversation);
        }
        catch (InvalidOperationException)
        {
            return "a text is not valid UTF-8 or half of a surrogate pair; save the file as UTF-8 and correct its \\u escapes";
        }
        return $"no instruction was recognised among the fields "
            + $"{string.Join(", ", row.EnumerateObject().Take(10).Select(p => BadRows.Quote(p.Name)))}; "
            + "expected \"messages\" or \"conversations\", \"instruction\" (or \"prompt\", \"question\") with \"output\" (or "
                + "\"completion\", \"response\", \"answer\"), or \"text\"";
    }

    private static string? Pair(JsonElement row, string prompt, string answer, out Conversation conversation)
    {
        conversation = Conversation.Of("", null);
        // TRL allows conversations in these two fields as well.
        if (row.GetProperty(prompt).ValueKind == JsonValueKind.Array)
            return Turns(row.GetProperty(prompt), prompt, out var before) ?? Turns(row.GetProperty(answer), answer, out var after)
                ?? Whole([.. before, .. after], answer, out conversation);
        string input = "", system = "", said = "";
        var problem = Text(row, prompt, blank: false, out var asked) ?? Text(row, answer, blank: false, out said)
            ?? (First(row, Inputs) is { } field ? Text(row, field, blank: true, out input) : null)
            ?? (First(row, [ChatMessage.System]) is { } first ? Text(row, first, blank: true, out system) : null);
        if (problem is not null) return problem;
        if (!string.IsNullOrWhiteSpace(input)) asked = $"{asked}\n{input}";
        var turns = new List<ChatMessage> { new(ChatMessage.User, asked), new(ChatMessage.Assistant, said) };
        if (!string.IsNullOrWhiteSpace(system)) turns.Insert(0, new(ChatMessage.System, system));
        return Set(new(turns, prompt == "prompt" && answer == "completion" && turns.Count == 2), out conversation);
    }

    private static string? Chat(JsonElement row, string field, out Conversation conversation)
    {
        conversation = Conversation.Of("", null);
        if (Turns(row.GetProperty(field), field, out var turns) is { } problem) return problem;
        if (First(row, [ChatMessage.System]) is { } system)
        {
            if (Text(row, system, blank: true, out var first) is { } bad) return bad;
            if (!string.IsNullOrWhiteSpace(first)) turns.Insert(0, new(ChatMessage.System, first));
        }
        return Whole(turns, field, out conversation);
    }

    private static string? Whole(List<ChatMessage> turns, string field, out Conversation conversation)
    {
        conversation = new(turns, false);
        return turns.Any(turn => turn.Role == ChatMessage.Assistant) ? null
            : $"the field '{field}' holds no answer of the assistant, and answers are what is learnt; add one or leave the row out";
    }

    private static string? Turns(JsonElement list, string field, out List<ChatMessage> turns)
    {
        turns = [];
        if (list.ValueKind != JsonValueKind.Array) return $"the field '{field}' holds a {JsonRows.Kind(list)}, expected a list of messages";
        foreach (var turn in list.EnumerateArray())
        {
            var place = $"message {turns.Count + 1} of '{field}'";
            if (turn.ValueKind != JsonValueKind.Object) return $"{place} is a {JsonRows.Kind(turn)}, expected an object with \"role\" "
                + "and \"content\" (or \"from\" and \"value\")";
            var (who, what) = turn.TryGetProperty("from", out _) ? ("from", "value") : ("role", "content");
            if (Text(turn, who, blank: false, out var role) is { } noRole) return $"{place}: {noRole}";
            if (!Roles.TryGetValue(role,
                out var known)) return $"{place} is of {BadRows.Quote(role)}; expected system, user (or human) or assistant (or gpt)";
            if (Text(turn, what, blank: known != ChatMessage.Assistant, out var said) is { } noText) return $"{place}: {noText}";
            turns.Add(new(known, said));
        }
        return null;
    }

    private static string? First(JsonElement row, string[] names) =>
        names.FirstOrDefault(name => row.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null);

    private static string? Text(JsonElement row, string name, bool blank, out string text)
    {
        text = "";
        if (!row.TryGetProperty(name, out var value)) return $"the field '{name}' is missing; add it or skip bad rows (--skip-bad-rows)";
        if (value.ValueKind != JsonValueKind.String) return $"the field '{name}' holds a {JsonRows.Kind(value)}, expected a text";
        text = value.GetString()!;
        return blank || !string.IsNullOrWhiteSpace(text) ? null : DelimitedReader.Blank($"the field '{name}'");
    }

    private static string? Set(Conversation found, out Conversation conversation)
    {
        conversation = found;
        return null;
    }
}
