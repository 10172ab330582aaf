using System.Globalization;
using PeftSharp.Tokenization.Models;

namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>
/// Digits set apart after words have become bytes, as Falcon's tokenizer does: 0 to 9, alone or in runs, to which the last byte of a letter
/// before them may belong.
/// </summary>
/// <remarks>
/// There the stand-ins of six other bytes are numbers too (², ³, ¹, ¼, ½, ¾), so that single bytes of letters are set apart. Pieces
/// here are of characters and leave them together: the same tokens come out as long as no merge joins such a byte with a neighbour that it
/// is parted from, which <see cref="Parts"/> tells.
/// </remarks>
internal sealed class ByteDigitSplitter(bool oneByOne) : Splitter
{
    /// <summary>
    /// Whether a merged token, in stand-ins of bytes, has within it a place at which a number other than 0 to 9 is parted.
    /// </summary>
    public bool Parts(string token)
    {
        for (var i = 1; i < token.Length; i++)
        {
            var (left, right) = (IsOther(token[i - 1]), IsOther(token[i]));
            if (left && right ? oneByOne : (left && !char.IsAsciiDigit(token[i])) || (right && !char.IsAsciiDigit(token[i - 1])))
            {
                return true;
            }
        }
        return false;
    }

    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        var start = 0;
        for (var at = 1; at < piece.Length; at++)
        {
            var (before, digit) = (char.IsAsciiDigit(piece[at - 1]), char.IsAsciiDigit(piece[at]));
            if (oneByOne ? before || digit : before != digit && !(digit && EndsInNumber(piece[at - 1])))
            {
                output.Add(origin + start, origin + at);
                start = at;
            }
        }
        output.Add(origin + start, origin + piece.Length);
    }

    // The last byte of a letter, whichever plane it is of, has the last six bits of its unit.
    private static bool EndsInNumber(char unit) => !char.IsAscii(unit) && IsOther(ByteAlphabet.CharOf((byte)(0x80 | (unit & 0x3F))));

    private static bool IsOther(char unit) => !char.IsAscii(unit) && char.GetUnicodeCategory(unit)
        is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
}
