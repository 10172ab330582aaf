namespace PeftSharp.Tokenization.Models;

/// <summary>
/// Pieces that a SentencePiece model's maker set: found whole in a text, the longest first, whatever else the text would become.
/// </summary>
internal sealed class UserPieces
{
    private readonly HashSet<string> pieces;

    // A tree of characters: a place in a text is looked at once, however many pieces begin alike.
    private readonly Dictionary<(int Node, char Unit), int> edges = [];
    private readonly HashSet<int> ends = [];

    public UserPieces(IEnumerable<string> texts)
    {
        pieces = [.. texts];
        foreach (var piece in pieces)
        {
            var node = 0;
            foreach (var unit in piece)
            {
                node = edges.TryGetValue((node, unit), out var next) ? next : edges[(node, unit)] = edges.Count + 1;
            }
            ends.Add(node);
        }
    }

    /// <summary>Whether a text is such a piece.</summary>
    public bool Contains(string text) => pieces.Contains(text);

    /// <summary>Length of the longest piece that a text begins with; 0 if there is none.</summary>
    public int LongestAt(ReadOnlySpan<char> text)
    {
        var length = 0;
        for (int node = 0, at = 0; at < text.Length && edges.TryGetValue((node, text[at]), out node); at++)
        {
            if (ends.Contains(node))
            {
                length = at + 1;
            }
        }
        return length;
    }
}
