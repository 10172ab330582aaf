using System.Globalization;
using System.Text;

namespace PeftSharp.Cli.Terminal;

/// <summary>Texts measured in the cells of a terminal: a Korean syllable or a Chinese character takes two, a combining mark none.</summary>
internal static class TextWidth
{
    private const string Ellipsis = "…";

    private static readonly (int From, int To)[] Wide =
    [
        (0x1100, 0x115F), (0x2E80, 0x303E), (0x3041, 0x4DBF), (0x4E00, 0xA4CF), (0xA960, 0xA97F), (0xAC00, 0xD7A3), (0xF900, 0xFAFF),
        (0xFE30, 0xFE4F), (0xFF00, 0xFF60), (0xFFE0, 0xFFE6), (0x1F300, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F900, 0x1F9FF),
        (0x20000, 0x3FFFD),
    ];

    /// <summary>Cells that a text takes in one line.</summary>
    public static int Of(string text)
    {
        var width = 0;
        var elements = StringInfo.GetTextElementEnumerator(text);
        while (elements.MoveNext()) width += OfElement(elements.GetTextElement());
        return width;
    }

    /// <summary>The text filled up with spaces.</summary>
    public static string Pad(string text, int width, bool right)
    {
        var missing = new string(' ', Math.Max(0, width - Of(text)));
        return right ? missing + text : text + missing;
    }

    /// <summary>The text in so many cells at most: what is too much of its middle becomes "…", for names differ at their ends.</summary>
    public static string Shorten(string text, int width)
    {
        if (Of(text) <= width) return text;
        var elements = Elements(text);
        var (head, tail) = (new StringBuilder(), new List<string>());
        int first = 0, last = elements.Count - 1, left = width - 1;
        for (var fromStart = true; first <= last; fromStart = !fromStart)
        {
            var next = elements[fromStart ? first : last];
            if (OfElement(next) > left) break;
            left -= OfElement(next);
            if (fromStart) head.Append(next);
            else tail.Insert(0, next);
            if (fromStart) first++;
            else last--;
        }
        return $"{head}{Ellipsis}{string.Concat(tail)}";
    }

    /// <summary>Lines of whole words; a word that is too long for a line is shortened.</summary>
    public static List<string> Wrap(string text, int width)
    {
        if (Of(text) <= width) return [text];
        List<string> lines = [];
        var line = "";
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => Shorten(w, width)))
        {
            var longer = line.Length == 0 ? word : $"{line} {word}";
            if (Of(longer) <= width)
            {
                line = longer;
                continue;
            }
            lines.Add(line);
            line = word;
        }
        lines.Add(line);
        return lines;
    }

    /// <summary>The text in lines of whole words, the first with its own indentation, the others indented by so many columns.</summary>
    public static IEnumerable<string> Hang(string text, int width, int hang)
    {
        if (Of(text) <= width || width - hang < OfLongestWord(text)) return [text];
        var head = text[..Math.Min(hang, text.Length)];
        var lines = Wrap(text[head.Length..], width - hang);
        return lines.Select((line, i) => (i == 0 ? head : new string(' ', hang)) + line);
    }

    /// <summary>Cells of the longest word.</summary>
    public static int OfLongestWord(string text) => text.Split(' ').Max(Of);

    /// <summary>The text on one line, without what would move the cursor.</summary>
    public static string OneLine(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)) : text;

    private static List<string> Elements(string text)
    {
        List<string> elements = [];
        var each = StringInfo.GetTextElementEnumerator(text);
        while (each.MoveNext()) elements.Add(each.GetTextElement());
        return elements;
    }

    // What belongs together, such as a letter with its marks, is as wide as its widest part.
    private static int OfElement(string element) => element.EnumerateRunes().Max(OfRune);

    private static int OfRune(Rune rune)
    {
        var category = Rune.GetUnicodeCategory(rune);
        if (
            category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
                or UnicodeCategory.Control)
            return 0;
        return Array.Exists(Wide, range => rune.Value >= range.From && rune.Value <= range.To) ? 2 : 1;
    }
}
