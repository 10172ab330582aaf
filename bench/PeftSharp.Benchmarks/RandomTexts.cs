using PeftSharp.Data;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>Rows of random words and two classes, all of one length.</summary>
internal static class RandomTexts
{
    /// <summary>A batch, the same for the same seed.</summary>
    public static TokenBatch Batch(int rows, int tokens, int seed)
    {
        var random = new Random(seed);
        var ids = Enumerable.Range(0, rows * tokens).Select(_ => random.NextInt64(1000, 20_000)).ToArray();
        return new()
        {
            InputIds = tensor(ids, [rows, tokens]).DetachFromDisposeScope(),
            AttentionMask = ones([rows, tokens], ScalarType.Int64).DetachFromDisposeScope(),
            TokenTypeIds = zeros([rows, tokens], ScalarType.Int64).DetachFromDisposeScope(),
            Labels = tensor(Enumerable.Range(0, rows).Select(r => (long)((r + seed) % 2)).ToArray()).DetachFromDisposeScope(),
            RealTokens = rows * tokens,
            Unpadded = true,
        };
    }
}
