namespace PeftSharp.Tokenization;

/// <summary>Cuts texts to a number of tokens in all: the longer one first, then both to halves.</summary>
internal static class Truncation
{
    /// <summary>Returns true if tokens were dropped.</summary>
    public static bool Apply(TokenList first, TokenList? second, int most, bool left)
    {
        if (first.Count + (second?.Count ?? 0) <= most)
        {
            return false;
        }
        if (second is null)
        {
            Cut(first, most, left);
            return true;
        }
        var (shorter, longer) = first.Count <= second.Count ? (first, second) : (second, first);
        if (shorter.Count <= most / 2)
        {
            Cut(longer, most - shorter.Count, left);
        }
        else
        {
            Cut(shorter, most / 2, left);
            Cut(longer, most - most / 2, left);
        }
        return true;
    }

    private static void Cut(TokenList tokens, int most, bool left)
    {
        if (left)
        {
            tokens.TruncateLeft(most);
        }
        else
        {
            tokens.Truncate(most);
        }
    }
}
