namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>SentencePiece's spaces: each becomes a sign that belongs to the word after it; one may be put before the text.</summary>
/// <param name="sign">The sign, usually U+2581.</param>
/// <param name="prepend">Before what it is put where it lacks: <c>always</c> (every stretch), <c>first</c> (the beginning of the text) or
/// <c>never</c>.</param>
/// <param name="split">Whether words are set apart.</param>
internal sealed class MetaspacePreTokenizer(char sign, string prepend, bool split) : IPreTokenizer
{
    private readonly LiteralSplitter words = new(sign.ToString(), Separator.MergedWithNext);

    /// <summary>The sign.</summary>
    public char Sign => sign;

    /// <summary>Whether a sign may be put before a text.</summary>
    public bool Prepends => prepend != "never";

    public void Apply(PreTokenizedText text)
    {
        var rewritten = text.Text;
        rewritten.BeginRewrite();
        text.BeginDivision();
        var length = 0;
        foreach (var piece in text.Pieces)
        {
            var start = length;
            var chars = rewritten.Chars[piece.Start..piece.End];
            if (piece.TokenId >= 0)
            {
                rewritten.Copy(piece.Start, chars.Length);
            }
            else
            {
                if (IsPrefixed(chars[0], rewritten.SourceStart(piece.Start)))
                {
                    rewritten.Append(sign, piece.Start, chars.Length > 1 && char.IsSurrogatePair(chars[0], chars[1]) ? 2 : 1);
                    length++;
                }
                for (var i = 0; i < chars.Length; i++)
                {
                    rewritten.Append(chars[i] == ' ' ? sign : chars[i], piece.Start + i, 1);
                }
            }
            length += chars.Length;
            text.Add(new Piece(start, length, piece.TokenId));
        }
        rewritten.EndRewrite();
        text.EndDivision();
        if (split)
        {
            words.Apply(text);
        }
    }

    private bool IsPrefixed(char first, int source) => first != sign && first != ' '
        && (prepend == "always" || prepend == "first" && source == 0);
}
