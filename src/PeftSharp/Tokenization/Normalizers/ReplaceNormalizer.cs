
namespace PeftSharp.Tokenization.Normalizers;

/// <summary>Replaces every occurrence of a string.</summary>
internal sealed class ReplaceNormalizer(string pattern, string content) : INormalizer
{
    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        if (source.IndexOf(pattern) < 0)
        {
            return;
        }
        text.BeginRewrite();
        for (var at = 0; at < source.Length;)
        {
            var found = source[at..].IndexOf(pattern);
            var copied = found < 0 ? source.Length - at : found;
            text.Copy(at, copied);
            at += copied;
            if (found < 0)
            {
                break;
            }
            foreach (var unit in content)
            {
                text.Append(unit, at, pattern.Length);
            }
            at += pattern.Length;
        }
        text.EndRewrite();
    }
}
