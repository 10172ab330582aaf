using System.Text;
using PeftSharp.Tokenization.Models;
using PeftSharp.Tokenization.Normalizers;

namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>What SentencePiece makes of a text before it is divided: characters replaced, spaces taken out, put before it and turned to
/// U+2581.</summary>
internal sealed class SentencePieceNormalizer(SentencePieceFile file, UserPieces? user) : INormalizer
{
    /// <summary>Stands for a space.</summary>
    public const char Space = '\u2581';

    public void Normalize(NormalizedText text)
    {
        if (text.Chars.IsEmpty)
        {
            return;
        }
        var parts = Parts(text.Chars);
        var sign = file.EscapesSpaces ? Space : ' ';
        var (first, last) = (0, parts.Count);
        if (file.RemovesSpaces)
        {
            while (first < last && parts[first].Text == " ")
            {
                first++;
            }
        }
        text.BeginRewrite();
        // Spaces are held back until something follows them, since those at the end go.
        var (held, previousIsSpace) = (new List<Part>(), file.RemovesSpaces);
        if (file.AddsSpace && first < last)
        {
            text.Append(sign, parts[first].From, parts[first].Count);
        }
        for (var i = first; i < last; i++)
        {
            foreach (var unit in parts[i].Text)
            {
                if (unit == ' ' && file.RemovesSpaces)
                {
                    if (!previousIsSpace)
                    {
                        held.Add(parts[i]);
                    }
                    previousIsSpace = true;
                    continue;
                }
                foreach (var space in held)
                {
                    text.Append(sign, space.From, space.Count);
                }
                held.Clear();
                text.Append(unit == ' ' ? sign : unit, parts[i].From, parts[i].Count);
                previousIsSpace = false;
            }
        }
        text.EndRewrite();
    }

    private List<Part> Parts(ReadOnlySpan<char> source)
    {
        var parts = new List<Part>(source.Length);
        var bytes = new byte[source.Length * 3];
        var places = new int[source.Length * 3 + 1]; // the unit that each byte belongs to
        var length = 0;
        for (int at = 0, size; at < source.Length; at += size)
        {
            Rune.DecodeFromUtf16(source[at..], out var rune, out size);
            for (var end = length + rune.EncodeToUtf8(bytes.AsSpan(length)); length < end; length++)
            {
                places[length] = at;
            }
        }
        places[length] = source.Length;
        for (int at = 0, next; at < length; at = next)
        {
            var unit = places[at];
            if (user?.LongestAt(source[unit..]) is > 0 and var whole)
            {
                parts.Add(new(source.Slice(unit, whole).ToString(), unit, whole));
                for (next = at; places[next] < unit + whole;)
                {
                    next++;
                }
                continue;
            }
            var taken = 0;
            var text = file.Replacements?.Find(bytes.AsSpan(at, length - at), longest: true, out taken);
            if (text is null)
            {
                Rune.DecodeFromUtf8(bytes.AsSpan(at, length - at), out var rune, out taken);
                text = rune.ToString();
            }
            next = at + taken;
            parts.Add(new(text, unit, Math.Max(1, places[next] - unit)));
        }
        return parts;
    }

    private readonly record struct Part(string Text, int From, int Count);
}
