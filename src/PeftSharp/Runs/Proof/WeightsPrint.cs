namespace PeftSharp.Runs.Proof;

/// <summary>A set of tensors on disk: each one's print, and the hash of all their bytes.</summary>
public sealed record WeightsPrint
{
    /// <summary>The tensors by name.</summary>
    public required IReadOnlyDictionary<string, TensorPrint> Tensors { get; init; }

    /// <summary>SHA-256, in lower-case hex, of name, type, shape and every byte of each tensor, in the order of their names.</summary>
    public required string Sha256 { get; init; }

    internal static WeightsPrint Of(IReadOnlyCollection<StoredTensor> tensors)
    {
        using var bytes = new StoredBytes();
        return new()
        {
            Tensors = new SortedDictionary<string, TensorPrint>(
                tensors.ToDictionary(t => t.Name, t => TensorHash.Sample(t, bytes)), StringComparer.Ordinal),
            Sha256 = TensorHash.Content(tensors),
        };
    }
}
