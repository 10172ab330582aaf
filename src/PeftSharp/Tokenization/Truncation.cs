namespace PeftSharp.Tokenization;

/// <summary>Cuts texts to a number of tokens in all: the longer one first, then both to halves.</summary>
internal static class Truncation
{
    /// <summary>Returns true if tokens were dropped.</summary>
    public static bool Apply(TokenList first, TokenList? second, int most)
    {
        if (first.Count + (second?.Count ?? 0) <= most)
        {
            return false;
        }
        if (second is null)
        {
            first.Truncate(most);
            return true;
        }
        var (shorter, longer) = first.Count <= second.Count ? (first, second) : (second, first);
        if (shorter.Count <= most / 2)
        {
            longer.Truncate(most - shorter.Count);
        }
        else
        {
            shorter.Truncate(most / 2);
            longer.Truncate(most - most / 2);
        }
        return true;
    }
}
