using System.Text.Json;
using PeftSharp.Tokenization;

namespace PeftSharp.Data.Instruct;

/// <summary>What a row of instruction data says: turns, of which the model learns its own.</summary>
/// <param name="Messages">The turns; the model's are those of the assistant. A text alone is one of these.</param>
/// <param name="IsPlain">True for a prompt and its completion, or a text alone, that belong to no conversation where a model knows
/// none.</param>
internal sealed record Conversation(IReadOnlyList<ChatMessage> Messages, bool IsPlain)
{
    /// <summary>A prompt and what follows it; a text alone where that is null.</summary>
    public static Conversation Of(string prompt, string? completion) => completion is null
        ? new([new(ChatMessage.Assistant, prompt)], true)
        : new([new(ChatMessage.User, prompt), new(ChatMessage.Assistant, completion)], true);

    /// <summary>True for a text that answers nothing.</summary>
    public bool IsTextAlone => IsPlain && Messages.Count == 1;

    /// <summary>The place of the last answer among the messages; there is one in every row that was read.</summary>
    public int LastAnswer => Enumerable.Range(0, Messages.Count).Last(i => Messages[i].Role == ChatMessage.Assistant);

    /// <summary>What comes before the last answer.</summary>
    public IReadOnlyList<ChatMessage> Prompt => [.. Messages.Take(LastAnswer)];

    /// <summary>The words of <see cref="Prompt"/>, a line for each message: what an encoder–decoder reads.</summary>
    public string PromptText => string.Join("\n", Prompt.Select(message => message.Content));

    /// <summary>What is the same of rows that ask the same: turns are told apart by who speaks as well.</summary>
    public string PromptKey => new Conversation(Prompt, IsPlain).ToText();

    /// <summary>All that is said, a line for each message.</summary>
    public string AllText => string.Join("\n", Messages.Select(message => message.Content));

    /// <summary>The last answer.</summary>
    public string Answer => Messages[LastAnswer].Content;

    /// <summary>The row as a dataset keeps it: one line of JSON.</summary>
    public string ToText()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            if (IsPlain) writer.WriteBoolean("plain", true);
            writer.WriteStartArray("messages");
            foreach (var message in Messages)
            {
                writer.WriteStartObject();
                writer.WriteString("role", message.Role);
                writer.WriteString("content", message.Content);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.ToArray());
    }

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    public static Conversation Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        var root = document.RootElement;
        var messages = root.GetProperty("messages").EnumerateArray().Select(m =>
            new ChatMessage(m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!));
        return new([.. messages], root.TryGetProperty("plain", out _));
    }
}
