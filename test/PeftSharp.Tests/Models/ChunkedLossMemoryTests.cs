using PeftSharp.Benchmarks;
using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tests.Life;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>
/// What the loss over a vocabulary keeps until the backward pass: a few hidden states, and nothing as wide as the vocabulary.
/// </summary>
[Collection(nameof(CountingTensors))]
public sealed class ChunkedLossMemoryTests
{
    private const double Logits = 500.0 * ChunkedLossTests.Vocabulary * sizeof(float);

    [Fact]
    public void Nothing_Of_The_Vocabulary_Waits_For_The_Backward_Pass()
    {
        Assert.SkipUnless(NativeHeapUse.IsCounted, "The test counts bytes as glibc does.");
        using var scope = NewDisposeScope();
        using var peft = ChunkedLossTests.Create(tied: false, ScalarType.Float32);
        peft.Add(ChunkedLossTests.Methods[0]);
        using var batch = ChunkedLossTests.Batch(16, 41);
        var context = new ForwardContext { Selection = peft.Select("default"), Training = true };
        Assert.True(Kept(() => peft.Model.Loss(batch, context)) < Logits / 8);
        Assert.True(Kept(() => ChunkedLossTests.WholeLoss(peft, batch, context)) > Logits / 2);
    }

    // Bytes of libtorch that a loss holds while its graph is alive.
    private static long Kept(Func<BatchLoss> loss)
    {
        var kept = 0L;
        LiveTensors.MeasureQuietly(() =>
        {
            using var inner = NewDisposeScope();
            loss(); // what is made once is made here
            var before = NativeHeapUse.Now.Used;
            var held = loss();
            kept = NativeHeapUse.Now.Used - before;
            Assert.True(held.Weight > 500);
        });
        return kept;
    }
}
