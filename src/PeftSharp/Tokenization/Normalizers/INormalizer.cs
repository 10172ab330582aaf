namespace PeftSharp.Tokenization.Normalizers;

/// <summary>One step that rewrites text before it is split.</summary>
internal interface INormalizer
{
    void Normalize(NormalizedText text);
}
