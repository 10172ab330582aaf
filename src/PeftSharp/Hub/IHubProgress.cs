namespace PeftSharp.Hub;

/// <summary>A file that a transfer moves.</summary>
/// <param name="Name">Its path in the repository.</param>
/// <param name="Bytes">Its size.</param>
public sealed record HubTransferFile(string Name, long Bytes)
{
    /// <summary>The content's hash as the repository lists it; null if it lists none.</summary>
    internal string? Hash { get; init; }
}

/// <summary>Told how a transfer goes. Members may be called from several threads at once.</summary>
public interface IHubProgress
{
    /// <summary>Files are going to be moved; may be called more than once in one operation (an index of shards comes before its shards).</summary>
    void Starting(HubRepository repository, IReadOnlyList<HubTransferFile> files);

    /// <summary>Bytes of a file have arrived, or were there already; negative where a part has to be moved again.</summary>
    void Moved(string file, long bytes);

    /// <summary>Something that a user should know; one sentence.</summary>
    void Note(string sentence);
}

/// <summary>Tells nobody.</summary>
internal sealed class NoProgress : IHubProgress
{
    public static readonly NoProgress Instance = new();

    public void Starting(HubRepository repository, IReadOnlyList<HubTransferFile> files) { }

    public void Moved(string file, long bytes) { }

    public void Note(string sentence) { }
}
