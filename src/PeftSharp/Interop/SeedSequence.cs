namespace PeftSharp.Interop;

/// <summary>Derives seeds from seeds. The same on every platform and in every version: results depend on it.</summary>
internal static class SeedSequence
{
    /// <summary>
    /// The seed that <paramref name="seed"/> gives to the place called <paramref name="name"/> (FNV-1a, then SplitMix64).
    /// </summary>
    public static ulong Derive(ulong seed, string name)
    {
        var hash = 0xCBF2_9CE4_8422_2325ul;
        foreach (var c in name)
        {
            hash = (hash ^ (byte)c) * 0x0000_0100_0000_01B3ul;
            hash = (hash ^ (byte)(c >> 8)) * 0x0000_0100_0000_01B3ul;
        }
        return Mix(Mix(seed + 0x9E37_79B9_7F4A_7C15ul) ^ hash);
    }

    /// <summary>The <paramref name="n"/>-th seed that <paramref name="seed"/> gives (SplitMix64).</summary>
    public static ulong Derive(ulong seed, ulong n) => Mix(Mix(seed + 0x9E37_79B9_7F4A_7C15ul) + (n + 1) * 0x9E37_79B9_7F4A_7C15ul);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9ul;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EBul;
        return z ^ (z >> 31);
    }
}
