namespace PeftSharp.Tokenization.Models;

/// <summary>Pieces that a SentencePiece model's maker set: found whole in a text, the longest first, whatever else the text would
/// become.</summary>
internal sealed class UserPieces
{
    private readonly HashSet<string> pieces;
    private readonly Dictionary<char, int> longest = [];

    public UserPieces(IEnumerable<string> texts)
    {
        pieces = [.. texts];
        foreach (var piece in pieces)
        {
            longest[piece[0]] = Math.Max(longest.GetValueOrDefault(piece[0]), piece.Length);
        }
    }

    /// <summary>Whether a text is such a piece.</summary>
    public bool Contains(string text) => pieces.Contains(text);

    /// <summary>Length of the longest piece that a text, which is not empty, begins with; 0 if there is none.</summary>
    public int LongestAt(ReadOnlySpan<char> text)
    {
        if (!longest.TryGetValue(text[0], out var length))
        {
            return 0;
        }
        var lookup = pieces.GetAlternateLookup<ReadOnlySpan<char>>();
        for (length = Math.Min(length, text.Length); length > 0; length--)
        {
            if (lookup.Contains(text[..length]))
            {
                return length;
            }
        }
        return 0;
    }
}
