using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>
/// The activation <c>prelu</c> (He et al. 2015, arXiv 1502.01852): x where it is above 0, slope · x elsewhere, with a slope that is
/// trained.
/// </summary>
internal static class LearnedSlope
{
    /// <summary>Its name.</summary>
    public const string Name = "prelu";

    private const double Start = 0.25;

    /// <summary>What a slope is called in the module that holds the activation.</summary>
    public const string Local = "f.weight";

    /// <summary>True if a setting, in large or small letters, means it.</summary>
    public static bool IsMeant(string nonLinearity) => string.Equals(nonLinearity, Name, StringComparison.OrdinalIgnoreCase);

    /// <summary>A slope at its start, [1].</summary>
    public static Tensor New() => Arithmetic.Filled([1], Start, ScalarType.Float32, CPU);

    /// <summary>Applies it element by element.</summary>
    /// <param name="x">[…, width].</param>
    /// <param name="slope">The slope, of a shape that fits: [1], or [rows, 1, 1] where rows have slopes of their own.</param>
    public static Tensor Apply(Tensor x, Tensor slope) => where(x.IsAbove(0), x, x * slope);
}
