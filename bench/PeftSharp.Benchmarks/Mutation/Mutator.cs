using System.Text;

namespace PeftSharp.Benchmarks.Mutation;

/// <summary>Damages a file: bits, bytes, cuts, splices, and in texts whole values and lines. The same seed makes the same damage.</summary>
internal sealed class Mutator(int seed)
{
    private static readonly byte[][] Values =
    [
        .. ((string[])
        [
            "null", "true", "false", "0", "-1", "1.5", "1e999", "-1e400", "NaN", "Infinity", "2147483648", "9223372036854775807", "1e-320",
            "65536",
            "\"\"", "\"NaN\"", "\"\\ud800\"", "\"a\\u001b[31m\\nb\"", "[]", "{}", "[null]", "[[]]", "{\"a\":null}", "[1,\"a\"]",
            "\"../../etc/passwd\"",
            "*a", "&a [*a]", "!!float x", "? a", ": ", "- ", "---", "~", "|", "{a: {b: ",
        ]).Select(Encoding.UTF8.GetBytes),
        Encoding.UTF8.GetBytes(new string('[', 5000)),
        Encoding.UTF8.GetBytes($"\"{new string('x', 20_000)}\""),
        [0xff, 0xfe], [0], [0xed, 0xa0, 0x80],
    ];

    private readonly Random _random = new(seed);

    /// <summary>A damaged copy.</summary>
    public byte[] Mutate(byte[] good)
    {
        var bytes = new List<byte>(good);
        for (var left = 1 + _random.Next(4); left > 0; left--) Once(bytes);
        return [.. bytes];
    }

    private void Once(List<byte> bytes)
    {
        if (bytes.Count == 0)
        {
            bytes.AddRange(Values[_random.Next(Values.Length)]);
            return;
        }
        var (at, length) = Range(bytes.Count);
        switch (_random.Next(9))
        {
            case 0:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)_random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 4:
                bytes.InsertRange(_random.Next(bytes.Count), bytes.GetRange(at, length));
                break;
            case 5:
                bytes.InsertRange(at, Values[_random.Next(Values.Length)]);
                break;
            case 6:
                Line(bytes, at);
                break;
            default:
                Value(bytes, at);
                break;
        }
    }

    private (int At, int Length) Range(int count)
    {
        var at = _random.Next(count);
        return (at, Math.Min(count - at, 1 + _random.Next(_random.Next(2) == 0 ? 8 : 200)));
    }

    // A value of JSON or YAML that begins after a colon, a comma or a bracket gives way to another.
    private void Value(List<byte> bytes, int at)
    {
        while (at < bytes.Count && !":[,"u8.Contains(bytes[at])) at++;
        var start = Math.Min(bytes.Count, at + 1);
        while (start < bytes.Count && bytes[start] == ' ') start++;
        var end = start;
        var quoted = end < bytes.Count && bytes[end] == '"';
        if (quoted) end++;
        while (end < bytes.Count && (quoted ? bytes[end] != '"' : !",]}\n"u8.Contains(bytes[end]))) end++;
        if (quoted && end < bytes.Count) end++;
        bytes.RemoveRange(start, end - start);
        bytes.InsertRange(start, Values[_random.Next(Values.Length)]);
    }

    // A line, or in one long line a member, is there twice.
    private static void Line(List<byte> bytes, int at)
    {
        var separator = bytes.Contains((byte)'\n') ? (byte)'\n' : (byte)',';
        var start = bytes.LastIndexOf(separator, at) + 1;
        var end = bytes.IndexOf(separator, start);
        if (end > start) bytes.InsertRange(start, bytes.GetRange(start, end + 1 - start));
    }
}
