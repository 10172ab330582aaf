using System.Collections.Concurrent;
using PeftSharp.Cli.Terminal;
using PeftSharp.Hub;
using Spectre.Console;

namespace PeftSharp.Cli.Hub;

/// <summary>Shows a transfer: a bar a file on a terminal, nothing in a pipe; notes in both.</summary>
internal sealed class HubProgress : IHubProgress
{
    private const int LongestName = 40;

    private readonly ProgressContext? _context;
    private readonly bool _quiet;
    private readonly ConcurrentDictionary<string, ProgressTask> _tasks = new(StringComparer.Ordinal);

    private HubProgress(ProgressContext? context, bool quiet) => (_context, _quiet) = (context, quiet);

    /// <summary>Runs a transfer under the display.</summary>
    /// <param name="quiet">True shows and says nothing.</param>
    /// <param name="cancellation">Who stops it; default: an interruption of its own.</param>
    /// <param name="transfer">The transfer.</param>
    public static T Show<T>(bool quiet, CancellationToken? cancellation, Func<IHubProgress, CancellationToken, Task<T>> transfer)
    {
        using var interruption = cancellation is null ? new Interruption("Stopping the transfer; interrupt again to end at once.") : null;
        var stop = cancellation ?? interruption!.Token;
        try
        {
            if (quiet || !Screen.ErrorIsLive) return transfer(new HubProgress(null, quiet), stop).GetAwaiter().GetResult();
            return Screen.Error.Progress().AutoClear(true)
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
                .StartAsync(context => transfer(new HubProgress(context, quiet), stop)).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw new InterruptedException("interrupted; a download goes on next time where it stopped.");
        }
    }

    public void Starting(HubRepository repository, IReadOnlyList<HubTransferFile> files)
    {
        if (_context is null) return;
        foreach (var file in files)
            _tasks[file.Name] = _context.AddTask(Markup.Escape(file.Name.Length <= LongestName ? file.Name : $"…{file.Name[^LongestName..]}"), maxValue: Math.Max(1, file.Bytes));
    }

    public void Moved(string file, long bytes)
    {
        if (_tasks.TryGetValue(file, out var task)) task.Increment(bytes);
    }

    public void Note(string sentence)
    {
        if (_context is not null) Screen.Error.WriteLine(sentence);
        else if (!_quiet) Console.Error.WriteLine(sentence);
    }
}
