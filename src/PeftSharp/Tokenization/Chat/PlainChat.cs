using System.Text;

namespace PeftSharp.Tokenization.Chat;

/// <summary>Conversations for models that were taught no way to read them: each turn below a heading, an end token behind each
/// answer.</summary>
/// <remarks>The headings are those of alpaca: <c>### Instruction:</c> and <c>### Response:</c>; what a system says stands before
/// them.</remarks>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="endIds">Tokens that end an answer; the first is put behind answers.</param>
public sealed class PlainChat(Tokenizer tokenizer, IReadOnlyCollection<int> endIds) : IChatTemplate
{
    /// <summary>What the tokenizer puts before every text, end tokens aside.</summary>
    internal int[] Start { get; } = [.. tokenizer.Encode("").Ids.Where(id => !endIds.Contains(id))];

    /// <inheritdoc/>
    public int[] Encode(IReadOnlyList<ChatMessage> messages, bool beginAnswer)
    {
        var ids = new List<int>(Start);
        var text = new StringBuilder();
        var said = new List<bool>();
        void Write(string part, bool isSaid)
        {
            text.Append(part);
            for (var i = 0; i < part.Length; i++) said.Add(isSaid);
        }
        void Flush()
        {
            if (text.Length > 0) ids.AddRange(tokenizer.Encode(new ChatText(text.ToString(), [.. said])).Ids);
            text.Clear();
            said.Clear();
        }
        foreach (var message in messages)
        {
            if (message.Role == ChatMessage.Assistant)
            {
                Write("### Response:\n", false);
                Flush(); // what is generated begins here as well
                Write(message.Content, true);
                Flush();
                ids.AddRange(endIds.Take(1));
                Write("\n\n", false);
                continue;
            }
            if (message.Role == ChatMessage.User) Write("### Instruction:\n", false);
            Write(message.Content, true);
            Write("\n\n", false);
        }
        if (beginAnswer) Write("### Response:\n", false);
        else if (messages is [.., { Role: ChatMessage.Assistant }]) text.Clear();
        Flush();
        return [.. ids];
    }
}
