namespace PeftSharp.Tokenization.Normalizers;

/// <summary>Several normalizers, one after another.</summary>
internal sealed class NormalizerSequence(IReadOnlyList<INormalizer> steps) : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        foreach (var step in steps)
        {
            step.Normalize(text);
        }
    }
}
