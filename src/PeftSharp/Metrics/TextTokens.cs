using System.Text;
using System.Text.RegularExpressions;

namespace PeftSharp.Metrics;

/// <summary>The words of a text, as scores of texts count them.</summary>
internal static partial class TextTokens
{
    // In the order of mteval-v13a: punctuation apart, dots and commas apart unless between digits, dashes apart behind digits.
    private static readonly (Regex Find, string Put)[] Steps =
    [
        (Punctuation(), " $1 "), (AfterNoDigit(), "$1 $2 "), (BeforeNoDigit(), " $1 $2"), (DashAfterDigit(), "$1 $2 "),
    ];

    /// <summary>The tokens of mteval-v13a ("13a"), with which sacreBLEU counts by default; case is kept.</summary>
    public static string[] Evaluation(string text)
    {
        var line = text.Replace("<skipped>", "", StringComparison.Ordinal).Replace("-\n", "", StringComparison.Ordinal)
            .Replace('\n', ' ');
        line = line.Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal)
            .Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal);
        line = $" {line} ";
        foreach (var (find, put) in Steps) line = find.Replace(line, put);
        return line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Runs of letters and digits of any script, in lower case; marks belong to the letters before them.</summary>
    public static string[] Words(string text)
    {
        var (words, word) = (new List<string>(), new StringBuilder());
        foreach (var rune in text.EnumerateRunes())
        {
            var belongs = Rune.IsLetterOrDigit(rune)
                || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.NonSpacingMark
                    or System.Globalization.UnicodeCategory.SpacingCombiningMark;
            if (belongs) word.Append(Rune.ToLowerInvariant(rune).ToString());
            else if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }
        if (word.Length > 0) words.Add(word.ToString());
        return [.. words];
    }

    [GeneratedRegex("""([{-~\[-` -&(-+:-@/])""", RegexOptions.CultureInvariant)]
    private static partial Regex Punctuation();

    [GeneratedRegex("([^0-9])([.,])", RegexOptions.CultureInvariant)]
    private static partial Regex AfterNoDigit();

    [GeneratedRegex("([.,])([^0-9])", RegexOptions.CultureInvariant)]
    private static partial Regex BeforeNoDigit();

    [GeneratedRegex("([0-9])(-)", RegexOptions.CultureInvariant)]
    private static partial Regex DashAfterDigit();
}
