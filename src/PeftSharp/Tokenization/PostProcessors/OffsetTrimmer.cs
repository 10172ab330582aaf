using PeftSharp.Tokenization.Models;

namespace PeftSharp.Tokenization.PostProcessors;

/// <summary>Leaves white space at a token's ends out of its offsets.</summary>
internal sealed class OffsetTrimmer
{
    private readonly bool addPrefixSpace;
    private readonly (int Leading, int Trailing)[] spaces;

    public OffsetTrimmer(Vocabulary vocabulary, bool addPrefixSpace)
    {
        this.addPrefixSpace = addPrefixSpace;
        spaces = new (int, int)[vocabulary.Size];
        for (var id = 0; id < spaces.Length; id++)
        {
            var token = vocabulary.TokenOf(id) ?? "";
            spaces[id] = (token.TakeWhile(IsSpace).Count(), token.Reverse().TakeWhile(IsSpace).Count());
        }
    }

    public void Trim(TokenList tokens)
    {
        var ids = tokens.Ids;
        var offsets = tokens.Offsets;
        for (var i = 0; i < ids.Length; i++)
        {
            var (leading, trailing) = spaces[ids[i]];
            var (start, end) = offsets[i];
            if (leading > 0)
            {
                // The space that was put before the text is not in the text.
                start = Math.Min(start + leading - (addPrefixSpace && (i == 0 || start == 0) ? 1 : 0), end);
            }
            if (trailing > 0 && end >= trailing)
            {
                end = Math.Max(end - trailing, start);
            }
            offsets[i] = (start, end);
        }
    }

    private static bool IsSpace(char unit) => unit == ByteAlphabet.CharOf((byte)' ') || char.IsWhiteSpace(unit);
}
