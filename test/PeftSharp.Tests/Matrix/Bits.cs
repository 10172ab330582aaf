using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Comparisons of tensors.</summary>
internal static class Bits
{
    /// <summary>True if shape, type and every bit pattern agree.</summary>
    public static bool Same(Tensor a, Tensor b)
    {
        if (a.dtype != b.dtype || !a.shape.SequenceEqual(b.shape)) return false;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        return a.detach().contiguous().bytes.SequenceEqual(b.detach().contiguous().bytes);
    }

    public static void AssertSame(Tensor expected, Tensor actual, string what) =>
        Assert.True(Same(expected, actual), $"{what} changed (by up to {Distance(expected, actual):E1}).");

    public static void AssertSame(IReadOnlyList<(string Name, Tensor Value)> expected, IReadOnlyList<(string Name, Tensor Value)> actual)
    {
        Assert.Equal(expected.Select(e => e.Name), actual.Select(a => a.Name));
        for (var i = 0; i < expected.Count; i++) AssertSame(expected[i].Value, actual[i].Value, expected[i].Name);
    }

    public static void AssertClose(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Assert.True(
            expected.shape.SequenceEqual(actual.shape),
            $"{what}: shape [{string.Join(", ", actual.shape)}], expected [{string.Join(", ", expected.shape)}].");
        var distance = Distance(expected, actual) / Math.Max(1, Largest(expected));
        Assert.True(distance <= tolerance, $"{what} is {distance:E1} off; {tolerance:E0} is allowed.");
    }

    public static void AssertDiffers(Tensor a, Tensor b, string what) => Assert.True(Distance(a, b) > 1e-6, $"{what} makes no difference.");

    public static double Distance(Tensor a, Tensor b)
    {
        if (!a.shape.SequenceEqual(b.shape)) return double.PositiveInfinity;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        return Largest(a.detach().to(ScalarType.Float64).Plus(b.detach().to(ScalarType.Float64), -1));
    }

    private static double Largest(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var largest = x.detach().abs().max().to(ScalarType.Float64).item<double>();
        return double.IsNaN(largest) ? double.PositiveInfinity : largest;
    }
}
