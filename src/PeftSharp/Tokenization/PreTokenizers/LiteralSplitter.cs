
namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>Divides at every occurrence of a string.</summary>
internal sealed class LiteralSplitter(string pattern, Separator separator) : Splitter
{
    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        var (start, from) = (0, 0);
        while (piece[from..].IndexOf(pattern) is >= 0 and var found)
        {
            var (at, end) = (from + found, from + found + pattern.Length);
            output.Add(origin + start, origin + (separator == Separator.MergedWithPrevious ? end : at));
            if (separator == Separator.Isolated)
            {
                output.Add(origin + at, origin + end);
            }
            start = separator == Separator.MergedWithNext ? at : end;
            from = end;
        }
        output.Add(origin + start, origin + piece.Length);
    }
}
