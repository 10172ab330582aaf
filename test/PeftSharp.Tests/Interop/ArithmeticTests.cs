using System.Reflection;
using PeftSharp.Interop;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop;

public sealed class ArithmeticTests
{
    private const BindingFlags Any =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // Members of Tensor that wrap a number in an object of their own, found in TorchSharp 0.107's code.
    private static readonly string[] Alone = ["add", "add_", "addcdiv", "addcdiv_", "celu", "celu_", "elu", "elu_", "softplus", "square"];

    /// <summary>The library's code holds no call that wraps a number and lets go of it too early.</summary>
    [Theory]
    [InlineData(typeof(PeftException))]
    [InlineData(typeof(PeftSharp.Cli.UsageException))]
    public void No_Number_Dies_During_A_Native_Call(Type inside)
    {
        var found = from type in inside.Assembly.GetTypes()
                    where type != typeof(Arithmetic)
                    from method in type.GetMethods(Any)
                    from called in Calls(type, method)
                    where IsUnsafe(called)
                    select $"{type.FullName}.{method.Name} calls {called.DeclaringType!.Name}.{called.Name}";
        Assert.Empty(found.Distinct().Order());
    }

    [Fact]
    public void Results_Are_Those_Of_The_Operators()
    {
        using var scope = NewDisposeScope();
        var (a, b, whole) = (randn(5, 7), randn(5, 7), arange(9, int64));
        Assert.True(Bits.Same(a + b, a.Plus(b)));
        Assert.True(Bits.Same(a.add(b, 0.3), a.Plus(b, 0.3)));
        Assert.True(Bits.Same(a + 0.7, a.Plus(0.7)));
        Assert.True(Bits.Same(1 - a, a.Complement()));
        Assert.True(Bits.Same(a * 0.3, a.Times(0.3)));
        Assert.True(Bits.Same(a.square(), a.Squared()));
        Assert.True(Bits.Same(a.clamp_min(0.1), a.AtLeast(0.1)));
        Assert.True(Bits.Same(a.clone().add_(b, -0.2), a.clone().Increase(b, -0.2)));
        Assert.True(Bits.Same(a.clone().mul_(0.2), a.clone().Scale(0.2)));
        foreach (var result in (Tensor[])[whole.Plus(2L), whole.Times(2L), whole.Complement(), whole.AtLeast(3L), whole.AtMost(3L),
            Arithmetic.Range(2, 11, 3)])
            Assert.Equal(ScalarType.Int64, result.dtype);
        Assert.Equal([2L, 5, 8], Arithmetic.Range(2, 11, 3).data<long>().ToArray());
        Assert.Equal([3L, 3, 3, 3, 4, 5, 6, 6, 6], whole.AtLeast(3L).AtMost(6L).data<long>().ToArray());
        Assert.Equal(9 - 4, whole.NotBelow(4).sum().item<long>());
        Assert.Equal(9 - 1, whole.IsNot(4).sum().item<long>());
        Assert.True(Bits.Same(full([2, 3], -1.5), Arithmetic.Filled([2, 3], -1.5, float32, CPU)));
    }

    private static bool IsUnsafe(MethodBase called)
    {
        if (called.DeclaringType == typeof(Scalar)) return called.Name == "op_Implicit";
        if (called.DeclaringType != typeof(Tensor)) return false;
        var types = called.GetParameters().Select(p => p.ParameterType).ToArray();
        // with a factor of the caller's own it is safe
        if (Alone.Contains(called.Name)) return !(types.Length == 2 && types[1] == typeof(Scalar));
        return called.Name == "op_Addition" || (called.Name.StartsWith("op_", StringComparison.Ordinal) && types.Any(t => t.IsPrimitive));
    }

    // Calls are one byte of code and four of the method's token; what looks like one by chance resolves to nothing.
    private static IEnumerable<MethodBase> Calls(Type type, MethodInfo method)
    {
        var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (var i = 0; i < code.Length - 4; i++)
        {
            if (code[i] is not (0x28 or 0x6F)) continue; // call, callvirt
            MethodBase? called = null;
            try
            {
                called = method.Module.ResolveMethod(
                    BitConverter.ToInt32(code, i + 1), type.IsGenericType ? type.GetGenericArguments() : null,
                    method.IsGenericMethod ? method.GetGenericArguments() : null);
            }
            catch (Exception e) when (e is ArgumentException or BadImageFormatException or TypeLoadException or FileNotFoundException) { }
            if (called is { DeclaringType: not null }) yield return called;
        }
    }
}
