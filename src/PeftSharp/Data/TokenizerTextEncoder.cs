using PeftSharp.Data;
using PeftSharp.Tokenization;

namespace PeftSharp.Data;

/// <summary>A tokenizer as datasets ask for one: special tokens added, no padding.</summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="typeIds">False leaves segment ids out, for a model that has none.</param>
public sealed class TokenizerTextEncoder(Tokenizer tokenizer, bool typeIds = true) : ITextEncoder
{
    /// <inheritdoc/>
    /// <remarks>0 where the tokenizer has no padding token: the attention mask hides what stands there.</remarks>
    public int PadId { get; } = tokenizer.PadId ?? 0;

    /// <inheritdoc/>
    /// <exception cref="PeftException"><paramref name="maxLength"/> has no room for the special tokens.</exception>
    public EncodedText Encode(string text, string? pair, int maxLength)
    {
        try
        {
            var encoding = tokenizer.Encode(text, pair, addSpecialTokens: true, maxLength);
            return new(encoding.Ids, typeIds ? encoding.TypeIds : null);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new PeftException($"A length of {maxLength} tokens has no room for the special tokens; raise the maximum length.", e);
        }
    }
}
