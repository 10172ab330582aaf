using PeftSharp.Models.Heads;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>The loss where any number of classes may hold: transformers' mean over all rows and classes.</summary>
public sealed class MultiLabelLossTests
{
    [Fact]
    public void It_Is_The_Mean_Over_Every_Row_And_Class()
    {
        using var scope = NewDisposeScope();
        double[] logits = [0.3, -1.2, 2.5, 0, 40, -40];
        double[] held = [1, 0, 0, 1, 1, 0];
        var (mean, weight) = Losses.EachLabel(tensor(logits, [2, 3]), tensor(held, [2, 3]));
        static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
        // The last two are right with a probability of 1 - 4e-18: their logarithm is 0 to every digit.
        var expected =
            -(Math.Log(Sigmoid(0.3)) + Math.Log(1 - Sigmoid(-1.2)) + Math.Log(1 - Sigmoid(2.5)) + Math.Log(0.5)) / 6;
        Assert.Equal(expected, mean.item<double>(), 1e-15);
        Assert.Equal(2, weight);
    }

    [Fact]
    public void Its_Gradient_Is_The_Probability_Less_What_Holds()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 0.3, -1.2 }, [1, 2]).requires_grad_(true);
        Losses.EachLabel(logits, tensor(new[] { 1f, 0f }, [1, 2])).Mean.Backpropagate();
        Bits.AssertClose(tensor(new[] { -0.2127784, 0.1157377 }, [1, 2]), logits.grad!, 1e-6, "(σ(x) − y) / 2");
    }

    [Theory]
    [InlineData(2.0)]
    [InlineData(-100.0)]
    [InlineData(double.NaN)]
    public void Labels_That_Are_No_Shares_Are_Refused(double wrong)
    {
        using var scope = NewDisposeScope();
        Refusal.Sentence(() => Losses.EachLabel(zeros([1, 2]), tensor(new[] { 0.0, wrong }, [1, 2])), "1 at each class");
        Refusal.Sentence(() => Losses.EachLabel(zeros([2, 2]), zeros([2], ScalarType.Int64)), "[2, 2]");
    }
}
