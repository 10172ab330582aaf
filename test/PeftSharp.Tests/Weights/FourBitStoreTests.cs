using PeftSharp.Benchmarks;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Tests.Life;
using PeftSharp.Tests.Matrix;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Weights;

public sealed class FourBitStoreTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static double Distance(Tensor a, Tensor b) => (a - b).abs().max().to(ScalarType.Float64).item<double>();

    private static double Largest(Tensor x) => Math.Max(1, x.abs().max().to(ScalarType.Float64).item<double>());

    [Theory]
    [InlineData("nf4", 64)]
    [InlineData("nf4-double", 64)]
    [InlineData("nf4-double", 128)]
    [InlineData("fp4", 32)]
    [InlineData("fp4-double", 4096)]
    [InlineData("int8", 64)]
    public void Output_And_Gradient_Equal_Those_Of_The_Dense_Weight(string form, int block)
    {
        using var store = Quantization.Named(form, block)!.Quantize(randn(37, 53)); // rows share bytes and blocks
        var dense = store.Dense();
        var bias = randn(37);
        foreach (var shape in (long[][])[[53], [4, 53], [2, 3, 53]])
            foreach (var b in (Tensor?[])[null, bias])
            {
                var x = randn(shape, requires_grad: true);
                var expected = nn.functional.linear(x, dense, b);
                var y = store.Linear(x, b);
                Assert.Equal(expected.shape, y.shape);
                Assert.True(Distance(expected, y) < Rounding.Of(53) * Largest(expected));
                var g = randn(expected.shape);
                var expectedGradient = autograd.grad([expected], [x], [g])[0];
                var gradient = autograd.grad([y], [x], [g])[0];
                AutogradFailures.ThrowIfAny();
                Assert.True(Distance(expectedGradient, gradient) < Rounding.Of(37) * Largest(expectedGradient));
                using (no_grad()) Assert.False(store.Linear(x, b).requires_grad);
            }
    }

    [Fact]
    public void A_Trained_Bias_And_A_Chain_Of_Stores_Get_Gradients()
    {
        using var first = FourBitStore.Quantize(randn(8, 16));
        using var second = FourBitStore.Quantize(randn(4, 8));
        var bias = randn(8, requires_grad: true);
        var x = randn(2, 5, 16, requires_grad: true);
        second.Linear(first.Linear(x, bias).relu()).square().sum().backward();
        AutogradFailures.ThrowIfAny();
        var (gx, gb) = (x.grad!.clone(), bias.grad!.clone());
        x.grad.zero_();
        bias.grad.zero_();
        nn.functional.linear(nn.functional.linear(x, first.Dense(), bias).relu(), second.Dense()).square().sum().backward();
        Assert.True(Distance(gx, x.grad) < 1e-4 * gx.abs().max().item<float>());
        Assert.True(Distance(gb, bias.grad) < 1e-4 * gb.abs().max().item<float>());
    }

    [Fact]
    public void Gradient_Matches_Finite_Differences_In_Float64()
    {
        using var store = FourBitStore.Quantize(randn(6, 10));
        var x = randn([3, 10], ScalarType.Float64, requires_grad: true);
        var direction = randn([3, 10], ScalarType.Float64);
        Tensor Loss(Tensor at) => store.Linear(at).sin().sum();
        Loss(x).backward();
        AutogradFailures.ThrowIfAny();
        var expected = (Loss(x + 1e-6 * direction) - Loss(x - 1e-6 * direction)).item<double>() / 2e-6;
        Assert.Equal(expected, (x.grad! * direction).sum().item<double>(), 1e-6);
    }

    [Fact]
    public void Bfloat16_Compute_Rounds_Operands_And_Keeps_The_Callers_Type()
    {
        using var store = FourBitStore.Quantize(randn(32, 64));
        store.ComputeType = ScalarType.BFloat16;
        var x = randn([5, 64], requires_grad: true);
        var bias = randn(32);
        var y = store.Linear(x, bias);
        Assert.Equal(ScalarType.Float32, y.dtype);
        var expected = nn.functional.linear(x.bfloat16(), store.Dense().bfloat16(), bias.bfloat16()).@float(); // as bf16 weights do
        Assert.True(Distance(expected, y) < 1e-6);
        y.sum().backward();
        AutogradFailures.ThrowIfAny();
        var gradient = matmul(ones(5, 32), store.Dense());
        Assert.Equal(ScalarType.Float32, x.grad!.dtype);
        Assert.True(Distance(gradient, x.grad) < 0.02 * gradient.abs().max().item<float>());
        var half = store.Linear(x.detach().bfloat16(), bias);
        Assert.Equal(ScalarType.BFloat16, half.dtype);
        Assert.True(Distance(expected, half.@float()) < 0.02 * expected.abs().max().item<float>());
        Assert.Contains("Float16", Assert.Throws<PeftException>(() => store.ComputeType = ScalarType.Float16).Message);
    }

    [Theory]
    [InlineData(64, false, 0.5625)]
    [InlineData(64, true, 0.517)]
    [InlineData(128, false, 0.532)]
    public void A_Weight_Takes_Little_More_Than_Half_A_Byte(int block, bool isDouble, double most)
    {
        using var store = FourBitStore.Quantize(randn(384, 768), block, isDouble);
        Assert.InRange((double)store.Bytes / store.Count, 0.5, most);
        Assert.Equal("nf4", store.Kind);
        Assert.Equal((384, 768, block, isDouble), (store.OutFeatures, store.InFeatures, store.BlockSize, store.IsDouble));
    }

    [Fact]
    public void Like_Keeps_The_Form()
    {
        using var store = FourBitStore.Quantize(randn(16, 64), 128, doubleQuantization: true, FourBitCode.Fp4);
        store.ComputeType = ScalarType.BFloat16;
        using var like = (FourBitStore)store.Like(randn(16, 64));
        Assert.Equal((128, true, "fp4", ScalarType.BFloat16), (like.BlockSize, like.IsDouble, like.Kind, like.ComputeType));
        Assert.Contains("[3]", Assert.Throws<PeftException>(() => FourBitStore.Quantize(ones(3))).Message);
    }
}

/// <summary>Tests of what the whole process shares.</summary>
[Collection(nameof(CountingTensors))]
public sealed class FourBitMemoryTests
{
    // Twenty layers: a dense copy each would show in the count of tensors and in the bytes of libtorch's heap.
    [Fact]
    public void No_Dense_Copy_Lives_Between_Forward_And_Backward()
    {
        const int Layers = 20, Width = 1024;
        var stores = new List<FourBitStore>();
        for (var i = 0; i < Layers; i++)
        {
            using var w = randn(Width, Width).mul_(0.03);
            stores.Add(FourBitStore.Quantize(w));
        }
        (long Tensors, long Bytes, long Left) Step()
        {
            var start = Tensor.TotalCount;
            long tensors, bytes;
            using (NewDisposeScope())
            {
                var x = randn([1, Width], requires_grad: true);
                var (before, used) = (Tensor.TotalCount, Used());
                var y = x;
                foreach (var store in stores) y = store.Linear(y);
                var loss = y.sum();
                (tensors, bytes) = (Tensor.TotalCount - before, Used() - used);
                AutogradFailures.Backward(loss);
            }
            return (tensors, bytes, Tensor.TotalCount - start);
        }
        Step(); // makes the thread's buffer
        var taken = (Tensors: 0L, Bytes: 0L, Left: 0L);
        LiveTensors.MeasureQuietly(() => taken = Step());
        // an output per layer and autograd's empty shadow of it, and the loss
        Assert.InRange(taken.Tensors, long.MinValue, 2 * Layers + 1);
        Assert.InRange(taken.Bytes, long.MinValue, Layers * Width * Width * sizeof(float) / 4);
        Assert.InRange(taken.Left, long.MinValue, 0);
        stores.ForEach(store => store.Dispose());
    }

    private static long Used() => NativeHeapUse.IsCounted ? NativeHeapUse.Now.Used : 0;

    [Fact]
    public void A_Failure_In_Backward_Is_Thrown_After_It()
    {
        using var scope = NewDisposeScope();
        var store = FourBitStore.Quantize(randn(8, 8));
        var x = randn([2, 8], requires_grad: true);
        var y = store.Linear(x).sum();
        store.Dispose(); // so that backward cannot read it
        y.backward();
        Assert.ThrowsAny<Exception>(AutogradFailures.ThrowIfAny);
        AutogradFailures.ThrowIfAny(); // once
    }
}
