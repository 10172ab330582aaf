using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PeftSharp.Training.Optimizers.Memory;

/// <summary>
/// The 256 levels of a number between -1 and 1, or between 0 and 1, in which a code's leading zeros are its power of ten (Dettmers 2016,
/// arXiv 1511.04561; Dettmers et al. 2022, arXiv 2110.02861): seven decades.
/// </summary>
internal sealed unsafe class DynamicMap
{
    private const int Decades = 7;

    // Sign, exponent and seven bits of the fraction make a cell, which has one border within it at most. What is nearer to zero than
    // 2⁻²⁴ has the code of zero, what is beyond 1 that of 1.
    private const int CellShift = 16, Lowest = (127 - 24) << 7, Cells = (127 << 7) - Lowest + 1;

    // Pinned, so that pointers stay.
    private readonly float[] _levels = GC.AllocateArray<float>(256, pinned: true);
    private readonly float[] _borders = GC.AllocateArray<float>(256, pinned: true);
    private readonly byte[] _first = GC.AllocateArray<byte>(2 * Cells + 3, pinned: true); // read four bytes at a time
    private readonly float* _level, _border;
    private readonly byte* _cell;

    private DynamicMap(bool signed)
    {
        Levels(signed).CopyTo(_levels);
        for (var i = 0; i < 255; i++) _borders[i] = (_levels[i] + _levels[i + 1]) / 2;
        _borders[255] = float.PositiveInfinity;
        for (var cell = 0; cell < Cells; cell++)
        {
            _first[cell] = Search(cell == 0 ? 0 : BitConverter.Int32BitsToSingle((Lowest + cell) << CellShift));
            // The end of the cell that is nearer to minus infinity.
            _first[Cells + cell] = Search(-BitConverter.Int32BitsToSingle(((Lowest + cell) << CellShift) | 0xFFFF));
        }
        _level = Address(_levels);
        _border = Address(_borders);
        _cell = (byte*)Unsafe.AsPointer(ref _first[0]);
    }

    /// <summary>For numbers of both signs.</summary>
    public static DynamicMap Signed { get; } = new(signed: true);

    /// <summary>For numbers that are not below 0.</summary>
    public static DynamicMap Unsigned { get; } = new(signed: false);

    /// <summary>The levels, ascending.</summary>
    public ReadOnlySpan<float> Values => _levels;

    /// <summary>The code of the level that is nearest to a number; of two equally near, the lower.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte Code(float number)
    {
        var bits = BitConverter.SingleToUInt32Bits(number);
        var cell = Math.Clamp((int)((bits & 0x7FFF_FFFF) >> CellShift) - Lowest, 0, Cells - 1);
        int code = _cell[(int)(bits >> 31) * Cells + cell];
        return (byte)(code + (number > _border[code] ? 1 : 0));
    }

    /// <summary>The codes of numbers times a factor.</summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="factor">The factor.</param>
    /// <param name="count">How many.</param>
    /// <param name="codes">Where the codes go.</param>
    /// <param name="least">The lowest code of a number above zero.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Encode(float* numbers, float factor, int count, byte* codes, byte least)
    {
        var i = 0;
        if (Avx2.IsSupported)
        {
            for (; i <= count - 8; i += 8)
            {
                var number = Vector256.Load(numbers + i);
                var scaled = number * factor;
                var bits = scaled.AsInt32();
                var cell = Vector256.Clamp(((bits & Vector256.Create(0x7FFF_FFFF)) >> CellShift) - Vector256.Create(Lowest),
                    Vector256<int>.Zero, Vector256.Create(Cells - 1)) + ((bits >> 31) & Vector256.Create(Cells));
                var code = Avx2.GatherVector256((int*)_cell, cell, 1) & Vector256.Create(0xFF);
                code -= Vector256.GreaterThan(scaled, Avx2.GatherVector256(_border, code, 4)).AsInt32();
                var above = Vector256.GreaterThan(number, Vector256<float>.Zero).AsInt32();
                code = Vector256.Max(code, above & Vector256.Create((int)least));
                var halves = Vector128.Narrow(code.GetLower(), code.GetUpper()).AsUInt16();
                *(ulong*)(codes + i) = Vector128.Narrow(halves, halves).AsUInt64().ToScalar();
            }
        }
        for (; i < count; i++) codes[i] = Math.Max(Code(numbers[i] * factor), numbers[i] > 0 ? least : (byte)0);
    }

    /// <summary>The levels of codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Decode(byte* codes, int count, float* levels)
    {
        var i = 0;
        if (Avx2.IsSupported)
            for (; i <= count - 8; i += 8)
                Avx2.GatherVector256(_level, Avx2.ConvertToVector256Int32(codes + i), 4).Store(levels + i);
        for (; i < count; i++) levels[i] = _level[codes[i]];
    }

    private static float* Address(float[] pinned) => (float*)Unsafe.AsPointer(ref pinned[0]);

    private byte Search(float number)
    {
        var at = Array.BinarySearch(_borders, 0, 255, number);
        return (byte)(at < 0 ? ~at : at);
    }

    // Decade i holds the midpoints of equal steps from 0.1 to 1, twice as many as the one below; then 0 and 1. A sign takes half of them.
    private static float[] Levels(bool signed)
    {
        var levels = new List<float> { 0f, 1f };
        for (var i = 0; i < Decades; i++)
        {
            var steps = signed ? 1 << i : 1 << (i + 1);
            for (var k = 0; k < steps; k++)
            {
                var level = (float)(Math.Pow(10, i - Decades + 1) * (0.1 + 0.9 * (k + 0.5) / steps));
                levels.Add(level);
                if (signed) levels.Add(-level);
            }
        }
        return [.. levels.Order()];
    }
}
