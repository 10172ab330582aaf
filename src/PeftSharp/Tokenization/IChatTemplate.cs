namespace PeftSharp.Tokenization;

/// <summary>How a model was taught to read conversations.</summary>
public interface IChatTemplate
{
    /// <summary>The token ids of a conversation. What its messages say never becomes special tokens: only the template writes
    /// those.</summary>
    /// <param name="messages">The turns, at least one.</param>
    /// <param name="beginAnswer">True ends with the words that begin an answer of the model, so that it goes on from there.</param>
    /// <exception cref="PeftException">The template refuses the conversation (roles that do not alternate, say).</exception>
    int[] Encode(IReadOnlyList<ChatMessage> messages, bool beginAnswer);
}
