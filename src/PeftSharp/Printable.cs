using System.Buffers;
using System.Globalization;
using System.Text;

namespace PeftSharp;

/// <summary>Text from files, made fit to be shown: one line, no control of the terminal, of bounded length.</summary>
public static class Printable
{
    private const int LongestSentence = 1200, LongestSentenceEnd = 400;

    /// <summary>
    /// A sentence that may quote a file: control characters become "?", and of a very long one the middle is left out, so that its advice
    /// stays.
    /// </summary>
    public static string Sentence(string text) => text.Length <= LongestSentence ? Clean(text)
        : $"{Clean(text[..(LongestSentence - LongestSentenceEnd)])} … {Clean(text[^LongestSentenceEnd..])}";

    /// <summary>A piece of text, cut where it is long.</summary>
    public static string Cut(string text, int longest) => text.Length <= longest ? Clean(text) : $"{Clean(text[..longest])}…";

    /// <summary>
    /// The text with "?" for whatever is no visible character of one line: controls, line breaks, changes of direction, halves of surrogate
    /// pairs.
    /// </summary>
    internal static string Clean(string text)
    {
        if (text.All(IsPlain)) return text;
        var clean = new StringBuilder(text.Length);
        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            var whole = Rune.DecodeFromUtf16(rest, out var rune, out var used) == OperationStatus.Done;
            if (whole && IsVisible(rune)) clean.Append(rest[..used]);
            else clean.Append('?');
            rest = rest[used..];
        }
        return clean.ToString();
    }

    /// <summary>The same for a text of several lines, which keeps its line ends and tabs.</summary>
    public static string Lines(string text) => text.All(c => IsPlain(c) || c is '\n' or '\t') ? text
        : string.Join('\n', text.Split('\n').Select(line => string.Join('\t', line.TrimEnd('\r').Split('\t').Select(Clean))));

    /// <summary>True for a character that <see cref="Clean"/> leaves; halves of surrogate pairs aside.</summary>
    public static bool IsVisible(char c) => char.IsSurrogate(c) || IsVisible(new Rune(c));

    private static bool IsPlain(char c) => c is >= ' ' and <= '~';

    private static bool IsVisible(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate =>
            false,
        // Joiners belong to words and pictures; the other format characters reorder a line or hide in it.
        UnicodeCategory.Format => rune.Value is 0x200C or 0x200D,
        _ => true,
    };
}
