namespace PeftSharp.Tokenization.Chat;

/// <summary>A tokenizer with its own template.</summary>
internal sealed class TokenizerChat(Tokenizer tokenizer, ChatTemplate template) : IChatTemplate
{
    public int[] Encode(IReadOnlyList<ChatMessage> messages, bool beginAnswer) => tokenizer.Encode(template.Render(messages, beginAnswer))
        .Ids;
}
