using System.Collections.Frozen;
using System.IO.Compression;

namespace PeftSharp.Tokenization.Unicode;

/// <summary>
/// Decompositions, compositions and combining classes. Ours, because <see cref="string.Normalize()"/> returns its input
/// where globalization is invariant and depends on the system's ICU elsewhere: token ids must not.
/// </summary>
internal static class UnicodeData
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, HangulCount = LeadCount * VowelCount * TrailCount;

    private static readonly FrozenDictionary<int, int[]> canonical, compatible;
    private static readonly FrozenDictionary<long, int> compositions;
    private static readonly FrozenDictionary<int, byte> classes;
    private static readonly FrozenSet<int> unstable;

    static UnicodeData()
    {
        using var inflated = new MemoryStream();
        using (var deflate = new DeflateStream(new MemoryStream(Convert.FromBase64String(UnicodeTables.Data)), CompressionMode.Decompress))
        {
            deflate.CopyTo(inflated);
        }
        var bytes = inflated.ToArray();
        var at = 0;
        int Next()
        {
            int value = 0, shift = 0;
            while (bytes[at] >= 0x80)
            {
                value |= (bytes[at++] & 0x7F) << shift;
                shift += 7;
            }
            return value | bytes[at++] << shift;
        }
        int[] Run(int length)
        {
            var run = new int[length];
            for (var i = 0; i < length; i++)
            {
                run[i] = Next();
            }
            return run;
        }

        var steps = new Dictionary<int, int[]>();
        var pairs = new Dictionary<long, int>();
        var changing = new HashSet<int>();
        for (int count = Next(), code = 0; count > 0; count--)
        {
            code += Next();
            var header = Next();
            var mapping = steps[code] = Run(header >> 1);
            if ((header & 1) == 1)
            {
                pairs[Key(mapping[0], mapping[1])] = code;
                changing.Add(mapping[1]);
            }
            else
            {
                changing.Add(code);
            }
        }
        var compatibleSteps = new Dictionary<int, int[]>(steps);
        for (int count = Next(), code = 0; count > 0; count--)
        {
            code += Next();
            compatibleSteps[code] = Run(Next());
        }
        var marks = new Dictionary<int, byte>();
        for (int count = Next(), code = 0; count > 0; count--)
        {
            code += Next();
            var length = Next();
            var combiningClass = (byte)Next();
            for (var i = 0; i < length; i++)
            {
                marks[code + i] = combiningClass;
                changing.Add(code + i);
            }
        }

        canonical = steps.Keys.ToFrozenDictionary(code => code, code => Expand(code, steps));
        compatible = compatibleSteps.Keys.ToFrozenDictionary(code => code, code => Expand(code, compatibleSteps));
        compositions = pairs.ToFrozenDictionary();
        classes = marks.ToFrozenDictionary();
        unstable = changing.ToFrozenSet();
    }

    /// <summary>The canonical combining class; 0 for starters.</summary>
    public static int CombiningClass(int code) => code < 0x300 ? 0 : classes.GetValueOrDefault(code);

    /// <summary>True if composing (NFC) may change this code point or join it to the one before.</summary>
    public static bool MayCompose(int code) => code >= 0x300 && (unstable.Contains(code)
        || code is >= VowelBase and < VowelBase + VowelCount or > TrailBase and < TrailBase + TrailCount);

    /// <summary>Writes the full decomposition of a code point and returns how many code points it has.</summary>
    public static int Decompose(int code, bool compatibility, Span<int> output)
    {
        if (code is >= HangulBase and < HangulBase + HangulCount)
        {
            var syllable = code - HangulBase;
            output[0] = LeadBase + syllable / (VowelCount * TrailCount);
            output[1] = VowelBase + syllable / TrailCount % VowelCount;
            output[2] = TrailBase + syllable % TrailCount;
            return output[2] == TrailBase ? 2 : 3;
        }
        if (code >= 0xA0 && (compatibility ? compatible : canonical).TryGetValue(code, out var mapping))
        {
            mapping.CopyTo(output);
            return mapping.Length;
        }
        output[0] = code;
        return 1;
    }

    /// <summary>The code point that two compose into, or -1.</summary>
    public static int Compose(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
        {
            return HangulBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TrailCount;
        }
        if (first is >= HangulBase and < HangulBase + HangulCount && (first - HangulBase) % TrailCount == 0
            && second is > TrailBase and < TrailBase + TrailCount)
        {
            return first + second - TrailBase;
        }
        return compositions.TryGetValue(Key(first, second), out var composed) ? composed : -1;
    }

    private static long Key(int first, int second) => (long)first << 32 | (uint)second;

    private static int[] Expand(int code, Dictionary<int, int[]> steps) =>
        steps.TryGetValue(code, out var mapping) ? [.. mapping.SelectMany(part => Expand(part, steps))] : [code];
}
