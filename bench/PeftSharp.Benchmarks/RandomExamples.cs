using PeftSharp.Data;
using PeftSharp.Training;

namespace PeftSharp.Benchmarks;

/// <summary>Batches of random words, of one row unless told otherwise.</summary>
internal sealed class RandomExamples(int batches, int tokens, int rows = 1) : IBatchSource
{
    public int Examples => batches * rows;

    public int BatchesPerEpoch => batches;

    public TokenBatch Batch(int epoch, int index) => RandomTexts.Batch(rows, tokens, index);
}
