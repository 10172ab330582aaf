using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 7: a batch whose rows choose their own adapters equals the rows run one by one.</summary>
public sealed class PerRowTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Mixed_Batch_Equals_Its_Rows(string architecture, string method)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        bench.Train(bench.Add(method, "a", 11));
        bench.Train(bench.Add(method, "b", 12), 2);
        foreach (var names in (string?[][])[["a", null, "b", "a"], [null, "b", null, null], ["b", "a", "a", "b"], ["a", "a", "a", "a"]])
        {
            var mixed = bench.Logits(bench.Peft.SelectPerRow(names));
            for (var row = 0; row < names.Length; row++)
            {
                var alone = bench.Logits(names[row] is { } name ? bench.Peft.Select(name) : AdapterSelection.None, row);
                Bits.AssertClose(
                    alone, mixed.narrow(0, row, 1), Rounding.Exact, $"Row {row} of [{string.Join(", ", names.Select(n => n ?? "none"))}]");
            }
        }
        Bits.AssertDiffers(bench.Logits(bench.Peft.Select("a")), bench.Logits(bench.Peft.Select("b")), "Another seed");
    }
}
