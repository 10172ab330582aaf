namespace PeftSharp.Data;

/// <summary>Rows that can be cut into batches: token ids, with or without what the model's lower layers made of them.</summary>
public interface IRowBatches
{
    /// <summary>Number of rows.</summary>
    int Count { get; }

    /// <summary>Makes the batch of some rows, padded on the right to the longest of them.</summary>
    /// <remarks>The tensors belong to no dispose scope: the caller disposes the batch.</remarks>
    TokenBatch CreateBatch(ReadOnlySpan<int> indices);
}
