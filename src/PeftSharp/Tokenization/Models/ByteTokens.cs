using System.Globalization;
using System.Text;

namespace PeftSharp.Tokenization.Models;

/// <summary>The tokens <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c> that stand for the UTF-8 bytes of a character that a vocabulary
/// lacks.</summary>
internal sealed class ByteTokens
{
    private readonly int[] ids = new int[256];

    private ByteTokens() { }

    /// <summary>Those of a vocabulary; what it lacks of them it cannot fall back on.</summary>
    public static ByteTokens Of(Vocabulary vocabulary)
    {
        var tokens = new ByteTokens();
        for (var value = 0; value < 256; value++)
        {
            tokens.ids[value] = vocabulary.IdOf(Text((byte)value));
        }
        return tokens;
    }

    /// <summary>The spelling of a byte's token.</summary>
    public static string Text(byte value) => $"<0x{value:X2}>";

    /// <summary>The byte that a token spells, if it spells one.</summary>
    public static bool TryParse(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>The tokens of a text's bytes; false if one is missing.</summary>
    public bool TryWrite(ReadOnlySpan<char> text, Span<int> tokens, out int count)
    {
        count = 0;
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            foreach (var value in bytes[..rune.EncodeToUtf8(bytes)])
            {
                if (ids[value] < 0)
                {
                    return false;
                }
                tokens[count++] = ids[value];
            }
        }
        return true;
    }
}
