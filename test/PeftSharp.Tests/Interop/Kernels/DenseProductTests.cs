using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop.Kernels;

/// <summary>Products by oneDNN are those of the formula in float64, values and gradients, and leave nothing behind.</summary>
public sealed class DenseProductTests
{
    public DenseProductTests() =>
        Assert.SkipUnless(OneDnn.Available, "oneDNN cannot be called here: not an x64 processor, or another libtorch.");

    [Theory]
    [InlineData(1, 7, 5, false)]
    [InlineData(3, 64, 33, true)]
    [InlineData(17, 384, 96, true)]
    [InlineData(65, 40, 200, false)]
    [InlineData(130, 576, 384, true)]
    public void It_Is_Its_Formula(int rows, int width, int outputs, bool strided)
    {
        using var scope = NewDisposeScope();
        var (whole, weight, bias) = (randn(2, rows, strided ? 2 * width : width), randn(outputs, width), randn(outputs));
        var x = whole.narrow(2, 0, width).detach().requires_grad_();
        var (wanted, exactX) = (randn(2, rows, outputs), x.detach().to(ScalarType.Float64).requires_grad_());
        foreach (var b in new[] { null, bias })
        {
            x.grad = exactX.grad = null;
            var y = DenseProduct.ByOneDnn(x, weight, b);
            var exact = nn.functional.linear(exactX, weight.to(ScalarType.Float64), b?.to(ScalarType.Float64));
            AutogradFailures.Backward((y * wanted).sum());
            (exact * wanted.to(ScalarType.Float64)).sum().backward();
            AssertClose(exact, y);
            AssertClose(exactX.grad!, x.grad!);
        }
        Assert.Equal([2, rows, outputs], DenseProduct.ByOneDnn(x.detach(), weight, bias).shape);
        AssertClose(matmul(wanted.to(ScalarType.Float64), weight.to(ScalarType.Float64)), OneDnn.Linear(wanted, weight.t()));
    }

    [Fact]
    public void A_Trained_Bias_Gets_Its_Gradient_And_A_Trained_Weight_Too()
    {
        using var scope = NewDisposeScope();
        var (x, bias) = (randn(40, 300), zeros(100, requires_grad: true));
        AutogradFailures.Backward(DenseProduct.ByOneDnn(x, randn(100, 300), bias).sum());
        Assert.All(bias.grad!.data<float>().ToArray(), value => Assert.Equal(40, value));

        foreach (var trainedInput in new[] { true, false })
        {
            var (input, weight) = (x.view(4, 10, 300).detach().requires_grad_(trainedInput), randn(100, 300, requires_grad: true));
            var shares = randn(4, 10, 100);
            AutogradFailures.Backward((DenseProduct.ByOneDnn(input, weight, null) * shares).sum());
            var exact = matmul(shares.view(40, 100).to(ScalarType.Float64).t(), x.to(ScalarType.Float64));
            AssertClose(exact, weight.grad!);
            Assert.Equal(trainedInput, input.grad is not null);
        }
    }

    // Turned, rows of a taller matrix, columns of a wider one, every other column.
    [Theory]
    [InlineData("turned")]
    [InlineData("rows")]
    [InlineData("columns")]
    [InlineData("every other column")]
    public void A_Weight_May_Lie_As_It_Likes(string how)
    {
        using var scope = NewDisposeScope();
        var weight = how switch
        {
            "turned" => randn(40, 72).t(),
            "rows" => randn(100, 40).narrow(0, 20, 72),
            "columns" => randn(72, 100).narrow(1, 30, 40),
            _ => randn(72, 40, 2).select(2, 1),
        };
        var (x, shares) = (randn(50, 40, requires_grad: true), randn(50, 72));
        var y = DenseProduct.ByOneDnn(x, weight, null);
        AutogradFailures.Backward((y * shares).sum());
        AssertClose(matmul(x.detach().to(ScalarType.Float64), weight.to(ScalarType.Float64).t()), y);
        AssertClose(matmul(shares.to(ScalarType.Float64), weight.to(ScalarType.Float64)), x.grad!);
    }

    [Fact]
    public void What_A_View_Of_The_Weight_Gave_Outlives_The_View()
    {
        using var scope = NewDisposeScope();
        var (weight, x) = (randn(64, 48), randn(33, 48, requires_grad: true));
        Tensor y;
        using (var part = weight.narrow(0, 16, 32)) y = DenseProduct.ByOneDnn(x, part, null);
        AutogradFailures.Backward(y.sum());
        AssertClose(weight.narrow(0, 16, 32).to(ScalarType.Float64).sum([0L]).expand(33, 48), x.grad!);
    }

    [Fact]
    public void The_Same_Product_Has_The_Same_Bits_And_Nothing_Comes_Of_Nothing()
    {
        using var scope = NewDisposeScope();
        var (x, weight) = (randn(100, 384), randn(384, 384));
        var first = OneDnn.Linear(x, weight).data<float>().ToArray();
        for (var i = 0; i < 5; i++) Assert.Equal(first, OneDnn.Linear(x, weight).data<float>().ToArray());
        Assert.Equal([0, 384], DenseProduct.ByOneDnn(x.narrow(0, 0, 0), weight, null).shape);
        Assert.Equal([2, 0, 384], DenseProduct.Of(zeros(2, 0, 384), weight).shape);
    }

    private static void AssertClose(Tensor exact, Tensor y)
    {
        Assert.Equal(exact.shape, y.shape);
        var (difference, size) = (y.to(ScalarType.Float64).sub(exact).norm().item<double>(), exact.norm().item<double>());
        Assert.True(difference <= 2e-6 * size, $"relative error {difference / size:E1}");
    }
}
