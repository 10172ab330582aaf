using PeftSharp.Hub;

namespace PeftSharp.Runs.Sources;

/// <summary>A transfer's reports, passed on to who watches the run.</summary>
internal sealed class ObservedTransfer(RunObserver observer) : IHubProgress
{
    public void Starting(HubRepository repository, IReadOnlyList<HubTransferFile> files) => observer.TransferStarting(repository, files);

    public void Moved(string file, long bytes) => observer.Transferred(file, bytes);

    public void Note(string sentence) => observer.Remark(sentence);
}
