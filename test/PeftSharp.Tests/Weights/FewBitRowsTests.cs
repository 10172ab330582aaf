using PeftSharp.Interop;
using PeftSharp.Tests.Matrix;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Weights;

/// <summary>A law: some rows of a weight in four bits or bfloat16 times a handful of inputs are what the unpacked weight gives.</summary>
public sealed class FewBitRowsTests
{
    private const int Rows = 11, First = 3, Some = 6;

    public static TheoryData<string, int, bool, int> Cases
    {
        get
        {
            var data = new TheoryData<string, int, bool, int>();
            foreach (var code in new[] { "nf4", "fp4" })
                foreach (var block in new[] { 32, 64, 128 })
                    foreach (var isDouble in new[] { false, true })
                        foreach (var columns in new[] { 128, 640 })
                            data.Add(code, block, isDouble, columns);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public unsafe void Four_bits(string code, int block, bool isDouble, int columns)
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        var weight = randn([Rows, columns], generator: new Generator((ulong)(columns + block)));
        using var store = FourBitStore.Quantize(weight, block, isDouble, code == "nf4" ? FourBitCode.Nf4 : FourBitCode.Fp4);
        Check(store, columns, (x, count, y) => ((IRowProduct)store).Multiply(First, Some, (float*)x, count, (float*)y, Some));
        Check(store, columns, (x, count, y) => store.MultiplyDecoded(First, Some, (float*)x, count, (float*)y, Some));
    }

    [Theory]
    [InlineData(32)]
    [InlineData(56)]
    [InlineData(576)]
    public unsafe void Bfloat16(int columns)
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        using var store = new HalfStore(randn([Rows, columns], generator: new Generator(5)).to(ScalarType.BFloat16));
        Check(store, columns, (x, count, y) => ((IRowProduct)store).Multiply(First, Some, (float*)x, count, (float*)y, Some));
    }

    [Fact]
    public void Rows_that_begin_within_a_block_are_left_to_a_product_of_the_unpacked()
    {
        LibTorch.EnsureLoaded();
        using var store = FourBitStore.Quantize(ones([4, 96]), 64);
        Assert.False(((IRowProduct)store).HasRows);
    }

    private static unsafe void Check(WeightStore store, int columns, Action<nint, int, nint> multiply)
    {
        Assert.True(((IRowProduct)store).HasRows);
        for (var count = 1; count <= FewRows.Most; count++)
        {
            var x = randn([count, columns], generator: new Generator((ulong)count));
            var found = zeros([count, Some], ScalarType.Float32);
            multiply((nint)TensorPointer.Of(x), count, (nint)TensorPointer.Of(found));
            var expected = x.matmul(store.Dense().narrow(0, First, Some).t());
            Bits.AssertClose(expected, found, Rounding.Of(columns), $"{store.Kind} with {count} inputs");
        }
    }
}
