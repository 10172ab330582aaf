namespace PeftSharp.Weights;

/// <summary>Sixteen levels between -1 and 1 that a weight of four bits stands for, times the scale of its block.</summary>
/// <remarks>
/// A weight gets the level that is nearest to it; halfway between two, the lower. FP4 has zero twice: what is a little above zero gets
/// the second one, as in bitsandbytes' own operators (its CUDA kernels give the second to what is a little below).
/// </remarks>
internal sealed class FourBitCode
{
    private readonly float[] _levels, _midpoints;
    private readonly byte[] _codes;

    private FourBitCode(string name, float[] levels)
    {
        (Name, _levels) = (name, levels);
        _codes = [.. Enumerable.Range(0, levels.Length).OrderBy(code => levels[code]).Select(code => (byte)code)];
        _midpoints = [.. _codes.Zip(_codes.Skip(1), (low, high) => (levels[low] + levels[high]) / 2)];
    }

    /// <summary>NormalFloat-4 (Dettmers et al. 2023, arXiv 2305.14314): quantiles of a normal distribution, ascending.</summary>
    public static FourBitCode Nf4 { get; } = new("nf4",
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
        -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
    ]);

    /// <summary>
    /// bitsandbytes' four-bit floating-point numbers, as shares of their largest, 12: a sign, two bits of exponent and one of fraction,
    /// with 1/16 in the place of the smallest.
    /// </summary>
    public static FourBitCode Fp4 { get; } = new("fp4",
    [
        0f, 0.0625f / 12, 8f / 12, 1f, 4f / 12, 6f / 12, 2f / 12, 3f / 12,
        0f, -0.0625f / 12, -8f / 12, -1f, -4f / 12, -6f / 12, -2f / 12, -3f / 12,
    ]);

    /// <summary>Both codes.</summary>
    public static IReadOnlyList<FourBitCode> All { get; } = [Nf4, Fp4];

    /// <summary>Its name in files: <c>nf4</c> or <c>fp4</c>.</summary>
    public string Name { get; }

    /// <summary>The sixteen levels; a code is an index into them.</summary>
    public ReadOnlySpan<float> Levels => _levels;

    /// <summary>Midpoints of neighbouring levels, ascending: a weight's place among the levels is the number of them below it.</summary>
    internal ReadOnlySpan<float> Midpoints => _midpoints;

    /// <summary>The codes in the order of their levels.</summary>
    internal ReadOnlySpan<byte> Codes => _codes;

    /// <summary>The code of that name; null if there is none.</summary>
    public static FourBitCode? Find(string name) => All.FirstOrDefault(code => code.Name == name);

    /// <inheritdoc/>
    public override string ToString() => Name;
}
