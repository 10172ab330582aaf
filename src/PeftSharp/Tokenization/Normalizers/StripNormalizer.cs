
namespace PeftSharp.Tokenization.Normalizers;

/// <summary>Removes white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        var start = left ? source.Length - source.TrimStart().Length : 0;
        var end = right ? Math.Max(start, source.TrimEnd().Length) : source.Length;
        text.BeginRewrite();
        text.Copy(start, end - start);
        text.EndRewrite();
    }
}
