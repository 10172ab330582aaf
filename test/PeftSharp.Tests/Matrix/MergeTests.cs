using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 5: merging changes where the arithmetic happens, and unmerging leaves no trace.</summary>
public sealed class MergeTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Mergeable), MemberType = typeof(MatrixCases))]
    public void Merged_Equals_Unmerged_And_Comes_Off_Bit_For_Bit(string architecture, string method)
    {
        foreach (var precision in (ScalarType[])[ScalarType.Float64, ScalarType.Float32]) Merges(architecture, method, precision);
    }

    private static void Merges(string architecture, string method, ScalarType precision)
    {
        using var bench = new Bench(architecture, precision);
        var (plain, tensors) = (bench.Logits(AdapterSelection.None), bench.BaseTensors());
        var adapter = bench.Add(method);
        bench.Train(adapter);
        var adapted = bench.Logits(adapter);
        bench.Peft.Merge(adapter.Name);
        Bits.AssertClose(adapted, bench.Logits(AdapterSelection.None), Rounding.Of(TinyModels.LongestSum, precision), "The merged output");
        Assert.Equal(adapter.Name, bench.Peft.Merged);
        bench.Peft.Unmerge();
        Assert.DoesNotContain(bench.Sites.Slots, s => s.IsMerged);
        Bits.AssertSame(tensors, bench.BaseTensors());
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base's output after unmerging");
        Bits.AssertSame(adapted, bench.Logits(adapter), "The adapter's output after unmerging");
    }

    [Theory]
    [MemberData(nameof(MatrixCases.NotMergeable), MemberType = typeof(MatrixCases))]
    public void Method_That_Is_No_Change_Of_Weights_Refuses(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        bench.Train(adapter);
        var adapted = bench.Logits(adapter);
        var message = Refusal.Of(bench, () => bench.Peft.Merge(adapter.Name), "cannot be merged");
        Assert.Contains(bench.SitePaths, message.Contains);
        Bits.AssertSame(adapted, bench.Logits(adapter), "The adapter's output after the refusal");
    }
}
