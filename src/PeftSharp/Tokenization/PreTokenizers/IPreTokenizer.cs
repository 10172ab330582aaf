namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>One step that divides normalized text into words.</summary>
internal interface IPreTokenizer
{
    void Apply(PreTokenizedText text);
}

/// <summary>Several pre-tokenizers, one after another.</summary>
internal sealed class PreTokenizerSequence(IReadOnlyList<IPreTokenizer> steps) : IPreTokenizer
{
    /// <summary>The steps in order.</summary>
    public IReadOnlyList<IPreTokenizer> Steps => steps;

    public void Apply(PreTokenizedText text)
    {
        foreach (var step in steps)
        {
            step.Apply(text);
        }
    }
}

/// <summary>A pre-tokenizer that divides each piece by itself and changes no text.</summary>
internal abstract class Splitter : IPreTokenizer
{
    public void Apply(PreTokenizedText text)
    {
        text.BeginDivision();
        foreach (var piece in text.Pieces)
        {
            if (piece.TokenId >= 0)
            {
                text.Add(piece);
            }
            else
            {
                Split(text.Text.Chars[piece.Start..piece.End], piece.Start, text);
            }
        }
        text.EndDivision();
    }

    /// <summary>Adds the parts of a piece that begins at <paramref name="origin"/> to <paramref name="output"/>.</summary>
    protected abstract void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output);
}
