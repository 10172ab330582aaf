using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PeftSharp.Weights.BlockProducts;

/// <summary>Eight 16-bit floats as float32, exactly, infinities and numbers below the smallest normal one included.</summary>
internal static class HalfNumbers
{
    /// <summary>Converts eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector128<short> halves)
    {
        // Sign and fraction where float32 has them, and the exponent 112 too low: a product puts that right for small numbers as well.
        var bits = (Widened(halves) << 13) & Vector256.Create(unchecked((int)0x8FFF_E000));
        var exponent = Vector256.Create(0x0F80_0000);
        // The largest exponent stands for what is not finite, here and there.
        var notFinite = Vector256.Equals(bits & exponent, exponent) & Vector256.Create(0x7F80_0000);
        return ((bits.AsSingle() * Vector256.Create(5.1922968585348276e33f)).AsInt32() | notFinite).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widened(Vector128<short> halves)
    {
        if (Avx2.IsSupported) return Avx2.ConvertToVector256Int32(halves);
        var (low, high) = Vector128.Widen(halves);
        return Vector256.Create(low, high);
    }
}
