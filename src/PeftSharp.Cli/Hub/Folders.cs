using PeftSharp.Cli.Terminal;
using PeftSharp.Runs.Sources;

namespace PeftSharp.Cli.Hub;

/// <summary>Finds models and adapters for a verb, with a display of transfers and a way to stop them.</summary>
internal static class Folders
{
    private const string Stopping = "Stopping the transfer; interrupt again to end at once.";

    /// <summary>Finds what the verb asks for.</summary>
    public static T Find<T>(string verb, Func<ModelFolders, T> find)
    {
        using var interruption = new Interruption(Stopping);
        return find(new(new ConsoleObserver(quiet: false), new CommandLineCaller(verb), interruption.Token));
    }

    /// <summary>Runs a transfer of the verb's own.</summary>
    public static T Transfer<T>(Func<PeftSharp.Hub.IHubProgress, CancellationToken, Task<T>> transfer)
    {
        using var interruption = new Interruption(Stopping);
        var observer = new ConsoleObserver(quiet: false);
        var stop = interruption.Token;
        return observer.During(
            PeftSharp.Runs.RunStage.Transfer, "", () => transfer(new ObservedTransfer(observer), stop).GetAwaiter().GetResult());
    }
}
