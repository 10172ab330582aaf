using PeftSharp.Hub;

namespace PeftSharp.Runs.Sources;

/// <summary>A transfer's reports, passed on to who watches the run.</summary>
/// <param name="observer">Who watches.</param>
public sealed class ObservedTransfer(RunObserver observer) : IHubProgress
{
    /// <inheritdoc/>
    public void Starting(HubRepository repository, IReadOnlyList<HubTransferFile> files) => observer.TransferStarting(repository, files);

    /// <inheritdoc/>
    public void Moved(string file, long bytes) => observer.Transferred(file, bytes);

    /// <inheritdoc/>
    public void Note(string sentence) => observer.Remark(sentence);
}
