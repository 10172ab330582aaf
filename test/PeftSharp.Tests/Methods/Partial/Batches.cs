using PeftSharp.Data;
using PeftSharp.Training;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Given batches, in their order.</summary>
internal sealed class Batches(IReadOnlyList<TokenBatch> batches) : IBatchSource
{
    public int Asked { get; private set; }

    public int Examples => batches.Sum(b => b.Rows);

    public int BatchesPerEpoch => batches.Count;

    public TokenBatch Batch(int epoch, int index)
    {
        Asked++;
        var batch = batches[index];
        Tensor Copy(Tensor all) => all.clone().DetachFromDisposeScope();
        return new()
        {
            InputIds = Copy(batch.InputIds),
            AttentionMask = Copy(batch.AttentionMask),
            TokenTypeIds = batch.TokenTypeIds is { } types ? Copy(types) : null,
            Labels = batch.Labels is { } labels ? Copy(labels) : null,
            RealTokens = batch.RealTokens,
            Unpadded = batch.Unpadded,
        };
    }
}
