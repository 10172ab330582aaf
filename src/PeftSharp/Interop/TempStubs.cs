using static TorchSharp.torch;
namespace PeftSharp.Interop;
internal static class SeedSequence
{
    public static ulong Derive(ulong seed, string name) { foreach (var c in name) seed = Derive(seed, c); return seed; }
    public static ulong Derive(ulong seed, ulong n) { var z = seed ^ (n * 0x9E3779B97F4A7C15UL + 0x9E3779B97F4A7C15UL); z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL; z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL; return z ^ (z >> 31); }
}
internal static class DropoutMask { public static Tensor Apply(Tensor x, double p, ulong seed) => nn.functional.dropout(x, p, true); }
