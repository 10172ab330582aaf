using PeftSharp.Tokenization;

namespace PeftSharp.Data.Instruct;

/// <summary>What prompts with answers are made of.</summary>
public sealed record InstructProfile
{
    /// <summary>Different prompts: rows that ask the same are one.</summary>
    public required int Prompts { get; init; }

    /// <summary>Rows with more than one answer: conversations.</summary>
    public required int SeveralTurns { get; init; }

    /// <summary>Rows that begin with instructions of the system.</summary>
    public required int WithSystem { get; init; }

    /// <summary>Lengths of what is read and of what is learnt, in tokens where an encoder was given, else in words.</summary>
    public required LengthProfile Read { get; init; }

    /// <inheritdoc cref="Read"/>
    public required LengthProfile Learnt { get; init; }

    /// <summary>Learnt tokens of all rows; null without an encoder.</summary>
    public long? Tokens { get; init; }

    /// <summary>Those of them within the greatest length.</summary>
    public long? KeptTokens { get; init; }

    /// <summary>Rows of whose answers something lies beyond the greatest length.</summary>
    public int? Cut { get; init; }

    /// <summary>Rows of whose answers nothing lies within it: they teach nothing.</summary>
    public int? Lost { get; init; }

    /// <summary>Looks at every row.</summary>
    /// <param name="data">Rows of <see cref="LabelKind.Tokens"/>.</param>
    /// <param name="encoder">Counts tokens and marks those that are learnt; null counts words.</param>
    /// <param name="maxLength">Most tokens a row.</param>
    internal static InstructProfile Of(TextDataset data, InstructEncoder? encoder, int maxLength)
    {
        var prompts = new HashSet<string>(StringComparer.Ordinal);
        var (several, system) = (0, 0);
        var (read, learnt, kept) = (new int[data.Count], new int[data.Count], new int[data.Count]);
        for (var row = 0; row < data.Count; row++)
        {
            var text = data.Examples[row].Text;
            var conversation = Conversation.Parse(text);
            prompts.Add(conversation.PromptKey);
            if (conversation.Messages.Count(IsAnswer) > 1) several++;
            if (conversation.Messages[0].Role == ChatMessage.System) system++;
            (read[row], learnt[row], kept[row]) = encoder is null ? Words(conversation) : Tokenised(encoder, text, maxLength);
        }
        var unit = encoder is null ? "words" : "tokens";
        return new()
        {
            Prompts = prompts.Count,
            SeveralTurns = several,
            WithSystem = system,
            Read = new($"prompt {unit}", read),
            Learnt = new($"answer {unit}", learnt),
            Tokens = encoder is null ? null : learnt.Sum(count => (long)count),
            KeptTokens = encoder is null ? null : kept.Sum(count => (long)count),
            Cut = encoder is null ? null : Enumerable.Range(0, data.Count).Count(row => kept[row] < learnt[row]),
            Lost = encoder is null ? null : kept.Count(count => count == 0),
        };
    }

    private static bool IsAnswer(ChatMessage message) => message.Role == ChatMessage.Assistant;

    private static (int Read, int Learnt, int Kept) Words(Conversation conversation)
    {
        int Count(bool answers) => conversation.Messages.Where(m => IsAnswer(m) == answers).Sum(m => DatasetProfile.Words(m.Content));
        return (Count(false), Count(true), 0);
    }

    private static (int Read, int Learnt, int Kept) Tokenised(InstructEncoder encoder, string text, int maxLength)
    {
        static int Marked(EncodedText row) => row.TypeIds!.Count(mark => (mark & TokenMarks.Learnt) != 0);
        var whole = encoder.Encode(text, null, int.MaxValue / 2);
        var learnt = Marked(whole);
        return (whole.Ids.Length - learnt, learnt, whole.Ids.Length <= maxLength ? learnt : Marked(encoder.Encode(text, null, maxLength)));
    }
}
