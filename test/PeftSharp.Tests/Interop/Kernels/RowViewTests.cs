using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop.Kernels;

/// <summary>A law: whatever the strides of a tensor, its rows are those of its contiguous copy.</summary>
public sealed class RowViewTests
{
    [Fact]
    public void Rows_are_those_of_a_copy()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        var x = Arithmetic.Range(0, 2 * 3 * 4 * 5, device: CPU).to(ScalarType.Float32).view(2, 3, 4, 5);
        AssertRows(x);
        AssertRows(x.transpose(1, 2));
        AssertRows(x.narrow(3, 1, 3));
        AssertRows(x.narrow(2, 1, 1));
        AssertRows(x.transpose(2, 3));
        AssertRows(x.narrow(3, 0, 1));
        AssertRows(x.flatten());
        // A token's heads: the dimension of one token has the stride of all heads, and libtorch takes the tensor for contiguous.
        AssertRows(x.flatten().narrow(0, 0, 12).view(1, 1, 3, 4).transpose(1, 2));
        AssertRows(x.flatten().narrow(0, 0, 12).reshape(1, 1, 12).reshape(1, 1, 3, 4).transpose(1, 2));
    }

    private static unsafe void AssertRows(Tensor x)
    {
        using var rows = new RowView(x);
        var expected = x.contiguous().flatten().data<float>().ToArray();
        Assert.Equal(expected.Length, rows.Count * rows.Width);
        var found = new float[expected.Length];
        for (var row = 0; row < rows.Count; row++)
            new ReadOnlySpan<float>(rows[row], rows.Width).CopyTo(found.AsSpan(row * rows.Width));
        Assert.Equal(expected, found);
    }
}
