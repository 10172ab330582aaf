using PeftSharp.Tokenization;
using PeftSharp.Tokenization.Chat;

namespace PeftSharp.Data.Instruct;

/// <summary>Turns conversations into tokens of which the model's own words are marked to be learnt.</summary>
/// <remarks>
/// By the model's chat template where it has one; else a prompt and its completion follow each other, parted by a line break where none is
/// there, and
/// conversations are written by <see cref="PlainChat"/>. What ends an answer is learnt with it.
/// </remarks>
/// <param name="tokenizer">The base's tokenizer.</param>
/// <param name="endIds">Tokens that end an answer; the first is put behind completions.</param>
/// <param name="twoStacks">True for an encoder–decoder: prompt and answer are sequences of their own.</param>
internal sealed class InstructEncoder(Tokenizer tokenizer, IReadOnlyCollection<int> endIds, bool twoStacks) : ITextEncoder
{
    private readonly IChatTemplate? _template = tokenizer.Chat;
    private readonly PlainChat _plain = new(tokenizer, endIds);

    /// <inheritdoc/>
    public int PadId { get; } = tokenizer.PadId ?? 0;

    /// <inheritdoc/>
    public EncodedText Encode(string text, string? pair, int maxLength)
    {
        var conversation = Conversation.Parse(text);
        var (ids, marks) = twoStacks ? TwoStacks(conversation, maxLength)
            : IsPlain(conversation) ? Plain(conversation)
            : Chat(conversation.Messages, _template ?? _plain);
        return ids.Length <= maxLength ? new(ids, marks) : new(ids[..maxLength], marks[..maxLength]);
    }

    /// <summary>The tokens that come before a row's last answer, as a model reads them that is asked for it.</summary>
    /// <exception cref="PeftException">Nothing comes before it.</exception>
    public int[] EncodePrompt(Conversation conversation)
    {
        if (conversation.LastAnswer == 0)
            throw new PeftException("The row is a text alone, which asks for no answer; give a prompt with its answer, or leave the row "
                + "out.");
        return twoStacks ? tokenizer.Encode(conversation.PromptText).Ids
            : IsPlain(conversation) ? PlainPrompt(conversation)
            : (_template ?? _plain).Encode(conversation.Prompt, beginAnswer: true);
    }

    private bool IsPlain(Conversation conversation) => conversation.IsPlain && (_template is null || conversation.IsTextAlone);

    // The words that a template puts before an answer are no part of it; those that end it are.
    private (int[] Ids, int[] Marks) Chat(IReadOnlyList<ChatMessage> messages, IChatTemplate template)
    {
        var ids = template.Encode(messages, beginAnswer: false);
        var marks = new int[ids.Length];
        var learnt = false;
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].Role != ChatMessage.Assistant) continue;
            var before = i == 0 ? [] : template.Encode([.. messages.Take(i)], beginAnswer: true);
            var after = template.Encode([.. messages.Take(i + 1)], beginAnswer: false);
            // Some templates write earlier answers otherwise than the last one: those cannot be learnt as they are read.
            if (!ids.AsSpan().StartsWith(before) || !ids.AsSpan().StartsWith(after)) continue;
            var end = after.Length;
            while (end > before.Length + 1 && !endIds.Contains(ids[end - 1])) end--;
            if (end == before.Length + 1) end = after.Length;
            marks.AsSpan(before.Length, end - before.Length).Fill(TokenMarks.Learnt);
            learnt = true;
        }
        return learnt ? (ids, marks)
            : throw new PeftException("The model's chat template writes a conversation otherwise once it is answered, so that no "
            + "answer in it can be learnt as it is read; give rows of one question and one answer each.");
    }

    private (int[] Ids, int[] Marks) Plain(Conversation conversation)
    {
        var start = conversation.IsTextAlone ? _plain.Start : PlainPrompt(conversation);
        int[] learnt = [.. Words(conversation.Answer), .. endIds.Take(1)];
        return ([.. start, .. learnt], [.. start.Select(_ => 0), .. learnt.Select(_ => TokenMarks.Learnt)]);
    }

    private int[] PlainPrompt(Conversation conversation)
    {
        var prompt = conversation.Messages[0].Content;
        return [.. _plain.Start, .. Words(char.IsWhiteSpace(prompt[^1]) ? prompt : prompt + "\n")];
    }

    private (int[] Ids, int[] Marks) TwoStacks(Conversation conversation, int maxLength)
    {
        if (conversation.IsTextAlone)
            throw new PeftException("The data holds texts alone, but the model answers one text with another; give a prompt and its "
                + "completion in each row.");
        var (source, answer) = (tokenizer.Encode(conversation.PromptText).Ids, tokenizer.Encode(conversation.Answer).Ids);
        if (source.Length + answer.Length > maxLength)
        {
            source = source[..Math.Min(source.Length, Math.Max(1, Math.Max(maxLength - answer.Length, maxLength / 2)))];
            answer = answer[..Math.Max(1, Math.Min(answer.Length, maxLength - source.Length))];
        }
        return ([.. source, .. answer], [.. source.Select(_ => 0), .. answer.Select(_ => TokenMarks.Answer | TokenMarks.Learnt)]);
    }

    private int[] Words(string text) => tokenizer.Encode(text, addSpecialTokens: false).Ids;
}
