namespace PeftSharp.Tokenization.PreTokenizers;

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
