namespace PeftSharp.Tokenization.PostProcessors;

/// <summary>Adds special tokens around one text or two, and trims offsets where the tokenizer asks for it.</summary>
internal sealed class PostProcessor(TemplatePart[] single, TemplatePart[] pair, OffsetTrimmer? trimmer)
{
    /// <summary>The texts themselves and nothing else.</summary>
    public static TemplatePart[] PlainSingle { get; } = [new(0, [], 0)];

    /// <summary>The two texts themselves and nothing else.</summary>
    public static TemplatePart[] PlainPair { get; } = [new(0, [], 0), new(1, [], 1)];

    /// <summary>The ids of the special tokens that are added.</summary>
    public IEnumerable<int> SpecialIds => single.Concat(pair).SelectMany(part => part.Ids);

    /// <summary>The token before a single text and the one after it, where there is no more than one on each side; null where there are
    /// more.</summary>
    public (int? Start, int? End)? Ends
    {
        get
        {
            var at = Array.FindIndex(single, part => part.Sequence >= 0);
            int[] before = [.. single[..at].SelectMany(part => part.Ids)], after = [.. single[(at + 1)..].SelectMany(part => part.Ids)];
            return before.Length > 1 || after.Length > 1 ? null
                : (before.Length > 0 ? before[0] : null, after.Length > 0 ? after[0] : null);
        }
    }

    /// <summary>How many special tokens are added.</summary>
    public int SpecialTokens(bool isPair) => (isPair ? pair : single).Where(part => part.Sequence < 0).Sum(part => part.Ids.Length);

    /// <summary>Puts the tokens of one text or two together.</summary>
    public TokenizedText Process(TokenList first, TokenList? second, bool addSpecialTokens, bool truncated)
    {
        trimmer?.Trim(first);
        if (second is not null)
        {
            trimmer?.Trim(second);
        }
        var parts = second is null ? single : pair;
        var length = 0;
        foreach (var part in parts)
        {
            length += part.Sequence < 0 ? addSpecialTokens ? part.Ids.Length : 0 : (part.Sequence == 0 ? first : second!).Count;
        }
        var encoding = new TokenizedText
        {
            Ids = new int[length],
            TypeIds = new int[length],
            Offsets = new (int, int)[length],
            SpecialTokensMask = new bool[length],
            Truncated = truncated,
        };
        var at = 0;
        foreach (var part in parts)
        {
            if (part.Sequence < 0 && !addSpecialTokens)
            {
                continue;
            }
            var tokens = part.Sequence < 0 ? null : part.Sequence == 0 ? first : second;
            var ids = tokens is null ? part.Ids : tokens.Ids;
            ids.CopyTo(encoding.Ids.AsSpan(at));
            encoding.TypeIds.AsSpan(at, ids.Length).Fill(part.TypeId);
            if (tokens is null)
            {
                encoding.SpecialTokensMask.AsSpan(at, ids.Length).Fill(true);
            }
            else
            {
                tokens.Offsets.CopyTo(encoding.Offsets.AsSpan(at));
            }
            at += ids.Length;
        }
        return encoding;
    }
}
