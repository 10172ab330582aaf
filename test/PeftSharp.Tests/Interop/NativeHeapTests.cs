using PeftSharp.Interop;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop;

[Collection(nameof(CountingTensors))]
public sealed class NativeHeapTests
{
    [Fact]
    public void A_Trim_Gives_The_Holes_Between_Tensors_Back()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the heap of glibc");
        using var scope = NewDisposeScope();
        // The holes that other tests have left go first: nothing here may depend on them.
        NativeHeap.Trim();
        // Too small for mappings of their own; every 20th stays, so that the heap's end can't shrink over the others.
        var tensors = Enumerable.Range(0, 6_000).Select(_ => ones(16_000)).ToArray();
        for (var i = 0; i < tensors.Length; i++)
            if (i % 20 != 0) tensors[i].Dispose();
        var before = Environment.WorkingSet;
        NativeHeap.Trim();
        // Of 365 MB freed; no upper bound, since the rest of the process may give some back as well.
        Assert.True(before - Environment.WorkingSet > 200_000_000, $"{before - Environment.WorkingSet:N0} bytes given back");
    }
}
