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
        // Too small for mappings of their own; every 20th stays, so that the heap's end can't shrink over the others.
        var tensors = Enumerable.Range(0, 6_000).Select(_ => ones(16_000)).ToArray();
        for (var i = 0; i < tensors.Length; i++)
            if (i % 20 != 0) tensors[i].Dispose();
        var before = Environment.WorkingSet;
        NativeHeap.Trim();
        Assert.InRange(before - Environment.WorkingSet, 200_000_000, 384_000_000);
    }
}
