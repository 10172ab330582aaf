namespace PeftSharp.Tokenization;

/// <summary>A text, or a pair of texts, as token ids. All arrays have one entry per token.</summary>
public sealed class TokenizedText
{
    /// <summary>Token ids.</summary>
    public required int[] Ids { get; init; }

    /// <summary>Segment ids: which of the two texts a token belongs to, as the model was trained to see it.</summary>
    public required int[] TypeIds { get; init; }

    /// <summary>
    /// Where each token stands in its text, [Start, End) in Unicode code points (not UTF-16 units); (0, 0) for special tokens.
    /// </summary>
    public required (int Start, int End)[] Offsets { get; init; }

    /// <summary>True at the special tokens that were added around the texts.</summary>
    public required bool[] SpecialTokensMask { get; init; }

    /// <summary>True if tokens were left out to keep within the maximum length.</summary>
    public required bool Truncated { get; init; }

    /// <summary>Number of tokens.</summary>
    public int Length => Ids.Length;
}
