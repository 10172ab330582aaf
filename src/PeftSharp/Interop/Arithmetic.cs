using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Sums of tensors, and tensors with numbers, that stay right beside other threads.</summary>
/// <remarks>
/// TorchSharp 0.107 wraps every number, the hidden factor of <c>a + b</c> included, in an object whose finalizer frees it, and lets go of that
/// object before the native call is over: where another thread makes the garbage collector run in between, the call reads freed memory. Here
/// the number outlives the call. A test looks through the library's code for what would go past these methods.
/// </remarks>
internal static class Arithmetic
{
    private static readonly Scalar One = 1;

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>a + factor · b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b, double factor)
    {
        using Scalar number = factor;
        return a.add(b, number);
    }

    /// <summary>a + number; integers stay integers.</summary>
    public static Tensor Plus(this Tensor a, long number)
    {
        using Scalar scalar = number;
        return a.add(scalar, One);
    }

    /// <summary>a + number.</summary>
    public static Tensor Plus(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.add(scalar, One);
    }

    /// <summary>1 − a; integers stay integers.</summary>
    public static Tensor Complement(this Tensor a)
    {
        using var negative = a.neg();
        return negative.Plus(1L);
    }

    /// <summary>a ← a + factor · b.</summary>
    public static Tensor Increase(this Tensor a, Tensor b, double factor = 1)
    {
        using Scalar number = factor;
        return a.add_(b, number);
    }

    /// <summary>a ← a + number.</summary>
    public static Tensor Increase(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.add_(scalar, One);
    }

    /// <summary>a · number.</summary>
    public static Tensor Times(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.mul(scalar);
    }

    /// <summary>a · number; integers stay integers.</summary>
    public static Tensor Times(this Tensor a, long number)
    {
        using Scalar scalar = number;
        return a.mul(scalar);
    }

    /// <summary>a ← a · number.</summary>
    public static Tensor Scale(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.mul_(scalar);
    }

    /// <summary>a², element by element.</summary>
    public static Tensor Squared(this Tensor a) => a.mul(a);

    /// <summary>The larger of each element and a number.</summary>
    public static Tensor AtLeast(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.clamp_min(scalar);
    }

    /// <summary>The larger of each element and a number; integers stay integers.</summary>
    public static Tensor AtLeast(this Tensor a, long number)
    {
        using Scalar scalar = number;
        return a.clamp_min(scalar);
    }

    /// <summary>The elements, none above a number; integers stay integers.</summary>
    public static Tensor AtMost(this Tensor a, long number)
    {
        using Scalar scalar = number;
        return a.clamp_max(scalar);
    }

    /// <summary>True where an element is not below a number.</summary>
    public static Tensor NotBelow(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.ge(scalar);
    }

    /// <summary>True where an element is not a number.</summary>
    public static Tensor IsNot(this Tensor a, long number)
    {
        using Scalar scalar = number;
        return a.ne(scalar);
    }

    /// <summary>from, from + step … below to, int64.</summary>
    public static Tensor Range(long from, long to, long step = 1, Device? device = null)
    {
        using Scalar first = from, end = to, by = step;
        return arange(first, end, by, dtype: ScalarType.Int64, device: device);
    }

    /// <summary>A tensor of one number.</summary>
    public static Tensor Filled(long[] shape, double number, ScalarType type, Device device)
    {
        using Scalar scalar = number;
        return full(shape, scalar, dtype: type, device: device);
    }
}
