namespace PeftSharp.Data;

/// <summary>Turns text into token ids, special tokens included. Must be safe to call from several threads at once.</summary>
public interface ITextEncoder
{
    /// <summary>Encodes a text, or a pair of texts, truncated to <paramref name="maxLength"/> ids (special tokens counted).</summary>
    EncodedText Encode(string text, string? pair, int maxLength);

    /// <summary>The id that fills the rows of a batch up to its longest.</summary>
    int PadId { get; }
}
