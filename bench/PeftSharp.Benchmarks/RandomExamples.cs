using PeftSharp.Data;
using PeftSharp.Training;

namespace PeftSharp.Benchmarks;

/// <summary>Examples of random words, one a batch.</summary>
internal sealed class RandomExamples(int count, int tokens) : IBatchSource
{
    public int Examples => count;

    public int BatchesPerEpoch => count;

    public TokenBatch Batch(int epoch, int index) => RandomTexts.Batch(1, tokens, index);
}
