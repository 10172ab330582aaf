using PeftSharp.Tokenization.Normalizers;

namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>Normalized text and its division into pieces, which each pre-tokenizer divides further.</summary>
internal sealed class PreTokenizedText
{
    private List<Piece> pieces = [], next = [];

    /// <summary>The text that pieces point into.</summary>
    public NormalizedText Text { get; } = new();

    /// <summary>The pieces in order.</summary>
    public List<Piece> Pieces => pieces;

    /// <summary>Starts the next division: <see cref="Add(int, int)"/> collects its pieces.</summary>
    public void BeginDivision() => next.Clear();

    /// <summary>Adds a piece to the next division; an empty one is dropped.</summary>
    public void Add(int start, int end)
    {
        if (end > start)
        {
            next.Add(new Piece(start, end));
        }
    }

    /// <summary>Adds an added token to the next division.</summary>
    public void Add(Piece token) => next.Add(token);

    /// <summary>Puts the next division in the place of the present one.</summary>
    public void EndDivision() => (pieces, next) = (next, pieces);
}
