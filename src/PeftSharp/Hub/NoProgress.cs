namespace PeftSharp.Hub;

/// <summary>Tells nobody.</summary>
internal sealed class NoProgress : IHubProgress
{
    public static readonly NoProgress Instance = new();

    public void Starting(HubRepository repository, IReadOnlyList<HubTransferFile> files) { }

    public void Moved(string file, long bytes) { }

    public void Note(string sentence) { }
}
