namespace PeftSharp.Tokenization.Normalizers;

/// <summary>Replaces every run of two spaces or more.</summary>
internal sealed class SpaceRunNormalizer(string content) : INormalizer
{
    /// <summary>The regular expression that stands for it in tokenizer.json.</summary>
    public const string Pattern = " {2,}";

    public void Normalize(NormalizedText text)
    {
        var source = text.Chars;
        if (source.IndexOf("  ") < 0)
        {
            return;
        }
        text.BeginRewrite();
        for (var at = 0; at < source.Length;)
        {
            var run = source[at..].IndexOfAnyExcept(' ');
            run = run < 0 ? source.Length - at : run;
            if (run < 2)
            {
                text.Copy(at++, 1);
                continue;
            }
            at += run;
            foreach (var unit in content)
            {
                text.Append(unit, at - 1, 1);
            }
        }
        text.EndRewrite();
    }
}
