namespace PeftSharp.Training.Optimizers.Memory;

/// <summary>
/// The 256 levels of a number between -1 and 1, or between 0 and 1, in which a code's leading zeros are its power of ten (Dettmers 2016,
/// arXiv 1511.04561; Dettmers et al. 2022, arXiv 2110.02861): seven decades.
/// </summary>
internal sealed class DynamicMap
{
    private const int Decades = 7;

    // The upper half of a float32 finds the level to within a few.
    private const int Cells = 1 << 16;

    private readonly float[] _levels;
    private readonly float[] _borders;
    private readonly byte[] _first = new byte[Cells];

    private DynamicMap(bool signed)
    {
        _levels = Levels(signed);
        _borders = [.. Enumerable.Range(0, 255).Select(i => (_levels[i] + _levels[i + 1]) / 2)];
        for (var cell = 0; cell < Cells; cell++)
        {
            // The end of the cell that is nearer to minus infinity.
            var bits = cell << 16;
            var from = BitConverter.Int32BitsToSingle(bits < 0 ? bits | 0xFFFF : bits);
            _first[cell] = float.IsNaN(from) ? (byte)0 : Search(from);
        }
    }

    /// <summary>For numbers of both signs.</summary>
    public static DynamicMap Signed { get; } = new(signed: true);

    /// <summary>For numbers that are not below 0.</summary>
    public static DynamicMap Unsigned { get; } = new(signed: false);

    /// <summary>The levels, ascending.</summary>
    public ReadOnlySpan<float> Values => _levels;

    /// <summary>The level of a code.</summary>
    public float Value(byte code) => _levels[code];

    /// <summary>The code of the level that is nearest to a number; of two equally near, the lower.</summary>
    public byte Code(float number)
    {
        int code = _first[(uint)BitConverter.SingleToInt32Bits(number) >> 16];
        while (code < 255 && number > _borders[code]) code++;
        return (byte)code;
    }

    private byte Search(float number)
    {
        var at = Array.BinarySearch(_borders, number);
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
