using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Sums of tensors, and tensors with numbers, that stay right beside other threads.</summary>
/// <remarks>
/// TorchSharp 0.107 wraps every number, the hidden factor of <c>a + b</c> included, in an object whose finalizer frees it, and lets go of
/// that object before the native call is over: where another thread makes the garbage collector run in between, the call reads freed
/// memory. Here the number outlives the call. A test looks through the library's code for what would go past these methods.
/// </remarks>
internal static class Arithmetic
{
    private static readonly Scalar One = 1;

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>a + factor · b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b, double factor) => With(factor, (a, b), static (t, n) => t.a.add(t.b, n));

    /// <summary>a + number; integers stay integers.</summary>
    public static Tensor Plus(this Tensor a, long number) => With(number, a, static (t, n) => t.add(n, One));

    /// <summary>a + number.</summary>
    public static Tensor Plus(this Tensor a, double number) => With(number, a, static (t, n) => t.add(n, One));

    /// <summary>y with values added to the rows that an index names.</summary>
    public static Tensor PlusAt(this Tensor y, Tensor rows, Tensor values) => y.index_add(0, rows, values, One);

    /// <summary>1 − a; integers stay integers.</summary>
    public static Tensor Complement(this Tensor a)
    {
        using var negative = a.neg();
        return negative.Plus(1L);
    }

    /// <summary>a ← a + factor · b.</summary>
    public static Tensor Increase(this Tensor a, Tensor b, double factor = 1) => With(factor, (a, b), static (t, n) => t.a.add_(t.b, n));

    /// <summary>a ← a + number.</summary>
    public static Tensor Increase(this Tensor a, double number) => With(number, a, static (t, n) => t.add_(n, One));

    /// <summary>a ← a + factor · b · c, element by element.</summary>
    public static Tensor IncreaseByProduct(this Tensor a, Tensor b, Tensor c, double factor = 1) =>
        With(factor, (a, b, c), static (t, n) => t.a.addcmul_(t.b, t.c, n));

    /// <summary>a · number.</summary>
    public static Tensor Times(this Tensor a, double number) => With(number, a, static (t, n) => t.mul(n));

    /// <summary>a · number; integers stay integers.</summary>
    public static Tensor Times(this Tensor a, long number) => With(number, a, static (t, n) => t.mul(n));

    /// <summary>a ← a · number.</summary>
    public static Tensor Scale(this Tensor a, double number) => With(number, a, static (t, n) => t.mul_(n));

    /// <summary>a², element by element.</summary>
    public static Tensor Squared(this Tensor a) => a.mul(a);

    /// <summary>The larger of each element and a number.</summary>
    public static Tensor AtLeast(this Tensor a, double number) => With(number, a, static (t, n) => t.clamp_min(n));

    /// <summary>The larger of each element and a number; integers stay integers.</summary>
    public static Tensor AtLeast(this Tensor a, long number) => With(number, a, static (t, n) => t.clamp_min(n));

    /// <summary>The elements, none above a number; integers stay integers.</summary>
    public static Tensor AtMost(this Tensor a, long number) => With(number, a, static (t, n) => t.clamp_max(n));

    /// <summary>True where an element is not below a number.</summary>
    public static Tensor NotBelow(this Tensor a, double number) => With(number, a, static (t, n) => t.ge(n));

    /// <summary>True where an element is above a number.</summary>
    public static Tensor IsAbove(this Tensor a, double number) => With(number, a, static (t, n) => t.gt(n));

    /// <summary>True where an element is below a number.</summary>
    public static Tensor IsBelow(this Tensor a, long number) => With(number, a, static (t, n) => t.lt(n));

    /// <summary>True where an element is not a number.</summary>
    public static Tensor IsNot(this Tensor a, long number) => With(number, a, static (t, n) => t.ne(n));

    /// <summary>from, from + step … below to, int64.</summary>
    public static Tensor Range(long from, long to, long step = 1, Device? device = null)
    {
        using Scalar first = from, end = to, by = step;
        return arange(first, end, by, dtype: ScalarType.Int64, device: device);
    }

    /// <summary>A tensor of one number.</summary>
    public static Tensor Filled(long[] shape, double number, ScalarType type, Device device) =>
        With(number, (shape, type, device), static (t, n) => full(t.shape, n, dtype: t.type, device: t.device));

    // The number is let go of after the call, not before.
    private static Tensor With<T>(Scalar number, T operands, Func<T, Scalar, Tensor> call)
    {
        using (number) return call(operands, number);
    }
}
