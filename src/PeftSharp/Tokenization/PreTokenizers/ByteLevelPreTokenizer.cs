namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>
/// GPT-2's division into words. Bytes stay characters here; the model maps them, so that words can be looked up as they are.
/// </summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool divide) : IPreTokenizer
{
    private readonly Gpt2Scanner scanner = new();

    public void Apply(PreTokenizedText text)
    {
        if (addPrefixSpace)
        {
            PrefixPieces(text);
        }
        if (divide)
        {
            scanner.Apply(text);
        }
    }

    private static void PrefixPieces(PreTokenizedText text)
    {
        var rewritten = text.Text;
        rewritten.BeginRewrite();
        text.BeginDivision();
        var length = 0;
        foreach (var piece in text.Pieces)
        {
            var chars = rewritten.Chars[piece.Start..piece.End];
            var start = length;
            if (piece.TokenId < 0 && chars[0] != ' ')
            {
                rewritten.Append(' ', piece.Start, chars.Length > 1 && char.IsSurrogatePair(chars[0], chars[1]) ? 2 : 1);
                length++;
            }
            rewritten.Copy(piece.Start, chars.Length);
            length += chars.Length;
            text.Add(new Piece(start, length, piece.TokenId));
        }
        rewritten.EndRewrite();
        text.EndDivision();
    }
}
