using PeftSharp.Methods.Partial;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>The choice of entries, against a plain sort.</summary>
public sealed class LargestEntriesTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.BFloat16)]
    public void They_Are_Those_That_A_Stable_Sort_Puts_First(ScalarType type)
    {
        PeftSharp.Interop.LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        var random = new Random(3);
        // Few different values, so that many are equal, of both signs; zeros of both signs are one value.
        Tensor Drawn(params long[] shape)
        {
            var values = Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b))
                .Select(_ => random.Next(3) == 0 ? -0.0 : (random.Next(9) - 4) * Math.Pow(10, random.Next(-30, 30)));
            return tensor(values.ToArray()).to(type).reshape(shape);
        }
        Tensor?[] scores = [Drawn(7, 11), Drawn(1), null, Drawn(301), Drawn(2, 3, 4).transpose(0, 2)];
        long[] sizes = [77, 1, 5, 301, 24];
        var all = scores.SelectMany((s, i) => (s is null
                ? Enumerable.Repeat(double.NegativeInfinity, (int)sizes[i])
                : s.to(ScalarType.Float64).contiguous().data<double>().ToArray())
            .Select((value, at) => (Tensor: i, At: (long)at, Value: value))).ToList();
        foreach (var count in (long[])[0, 1, 2, 50, 200, 402, 403, 405, 408])
        {
            var expected = all.OrderByDescending(e => e.Value).Take((int)count).ToList();
            var found = LargestEntries.Find(scores, sizes, count);
            for (var i = 0; i < scores.Length; i++)
                Assert.Equal(expected.Where(e => e.Tensor == i).Select(e => e.At).Order(), found[i]);
        }
    }

    [Fact]
    public void A_Score_That_Is_No_Number_Is_Refused()
    {
        PeftSharp.Interop.LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        foreach (var wrong in (float[])[float.NaN, float.PositiveInfinity])
            Refusal.Sentence(() => LargestEntries.Find([tensor((float[])[1, wrong, 2])], 1), "finite");
    }

    [Fact]
    public void A_Number_Is_Shared_Out_Exactly()
    {
        Assert.Equal([5, 3, 2], WeightChoice.ShareOut(10, [50, 30, 20]));
        Assert.Equal([2, 1, 0], WeightChoice.ShareOut(3, [5, 5, 1])); // 1.36, 1.36, 0.27: the first of equal rests
        Assert.Equal([1, 0, 6], WeightChoice.ShareOut(7, [1, 0, 6]));
        var huge = WeightChoice.ShareOut(123_456_789_012, [7_000_000_000_000, 1_000_000_000_003, 5]);
        Assert.Equal(123_456_789_012, huge.Sum());
        Assert.Equal(108_024_690_385, huge[0]);
    }
}
