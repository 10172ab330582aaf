namespace PeftSharp.Hub;

/// <summary>A file that a transfer moves.</summary>
/// <param name="Name">Its path in the repository.</param>
/// <param name="Bytes">Its size.</param>
public sealed record HubTransferFile(string Name, long Bytes)
{
    /// <summary>The content's hash as the repository lists it; null if it lists none.</summary>
    internal string? Hash { get; init; }
}
