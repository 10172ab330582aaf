namespace PeftSharp.Tokenization.Models;

/// <summary>GPT-2's printable stand-in for each byte: itself where it is printable, else U+0100 and on.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] chars = new char[256];
    private static readonly Dictionary<char, byte> bytes = [];

    static ByteAlphabet()
    {
        var shifted = 0x100;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF;
            chars[value] = printable ? (char)value : (char)shifted++;
            bytes[chars[value]] = (byte)value;
        }
    }

    /// <summary>The character of a byte.</summary>
    public static char CharOf(byte value) => chars[value];

    /// <summary>The byte of a character, if it stands for one.</summary>
    public static bool TryGetByte(char unit, out byte value) => bytes.TryGetValue(unit, out value);
}
