namespace PeftSharp.Hub;

/// <summary>Told how a transfer goes. Members may be called from several threads at once.</summary>
public interface IHubProgress
{
    /// <summary>
    /// Files are going to be moved; may be called more than once in one operation (an index of shards comes before its shards).
    /// </summary>
    void Starting(HubRepository repository, IReadOnlyList<HubTransferFile> files);

    /// <summary>Bytes of a file have arrived, or were there already; negative where a part has to be moved again.</summary>
    void Moved(string file, long bytes);

    /// <summary>Something that a user should know; one sentence.</summary>
    void Note(string sentence);
}
