using System.Text;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>Puts a prefix before text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        if (source.IsEmpty)
        {
            return;
        }
        Rune.DecodeFromUtf16(source, out _, out var size);
        text.BeginRewrite();
        foreach (var unit in prefix)
        {
            text.Append(unit, 0, size);
        }
        text.Copy(0, source.Length);
        text.EndRewrite();
    }
}
