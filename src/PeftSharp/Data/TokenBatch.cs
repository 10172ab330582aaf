using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Data;

/// <summary>A padded batch of token sequences; each row is one example.</summary>
/// <remarks>The batch owns its tensors: dispose it after the step.</remarks>
public sealed class TokenBatch : IDisposable
{
    /// <summary>Token ids, int64, [rows, tokens].</summary>
    public required Tensor InputIds { get; init; }

    /// <summary>1 at real tokens and 0 at padding, int64, [rows, tokens].</summary>
    public required Tensor AttentionMask { get; init; }

    /// <summary>Segment ids, int64, [rows, tokens]; null means all zeros.</summary>
    public Tensor? TokenTypeIds { get; init; }

    /// <summary>Class indices, int64, [rows]; or regression targets, float32, [rows]; null where there are none.</summary>
    public Tensor? Labels { get; init; }

    /// <summary>For each row, its index in the dataset that it came from.</summary>
    public IReadOnlyList<int> Source { get; init; } = [];

    /// <summary>Real (unpadded) tokens in the whole batch.</summary>
    public int RealTokens { get; init; }

    /// <summary>True if no row is padded, so that attention needs no mask.</summary>
    public bool Unpadded { get; init; }

    /// <summary>Number of rows.</summary>
    public int Rows => (int)InputIds.shape[0];

    /// <summary>Padded length.</summary>
    public int Tokens => (int)InputIds.shape[1];

    /// <inheritdoc/>
    public void Dispose()
    {
        InputIds.Dispose();
        AttentionMask.Dispose();
        TokenTypeIds?.Dispose();
        Labels?.Dispose();
    }
}
