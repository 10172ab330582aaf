namespace PeftSharp.Tests.Matrix;

/// <summary>Law 9: the same seed gives the same bits.</summary>
public sealed class SameSeedTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Core), MemberType = typeof(MatrixCases))]
    public void Same_Seed_Gives_The_Same_Bits_Dropout_Included(string architecture, string method)
    {
        using Bench once = new(architecture), again = new(architecture);
        var (first, second) = (once.Add(method), again.Add(method));
        once.Train(first, training: true);
        again.Train(second, training: true);
        Assert.Equal(first.Tensors.Count, second.Tensors.Count);
        foreach (var (a, b) in first.Tensors.Zip(second.Tensors)) Bits.AssertSame(a.Value, b.Value, a.Name);
        Bits.AssertSame(once.Logits(first), again.Logits(second), "The output of a second run");
    }
}
