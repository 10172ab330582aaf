using System.Collections.Concurrent;
using PeftSharp.Hub;
using Spectre.Console;

namespace PeftSharp.Cli.Terminal;

/// <summary>Shows a transfer: a bar a file on a terminal, nothing in a pipe.</summary>
internal sealed class TransferBars
{
    private const int LongestName = 40;

    private readonly ConcurrentDictionary<string, ProgressTask> _tasks = new(StringComparer.Ordinal);
    private ProgressContext? _context;

    /// <summary>True while bars are shown.</summary>
    public bool IsLive => _context is not null;

    /// <summary>Runs a transfer under the bars.</summary>
    /// <param name="live">True shows them.</param>
    /// <param name="transfer">The transfer.</param>
    public T Show<T>(bool live, Func<T> transfer)
    {
        try
        {
            if (!live) return transfer();
            ProgressColumn[] columns =
            [
                new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new DownloadedColumn(),
                new TransferSpeedColumn(), new RemainingTimeColumn(),
            ];
            return Screen.Error.Progress().AutoClear(true).Columns(columns).Start(context =>
            {
                _context = context;
                return transfer();
            });
        }
        catch (OperationCanceledException)
        {
            throw new InterruptedException("interrupted; a download goes on next time where it stopped.");
        }
        finally
        {
            _context = null;
            _tasks.Clear();
        }
    }

    public void Starting(IReadOnlyList<HubTransferFile> files)
    {
        if (_context is not { } context) return;
        foreach (var file in files)
            _tasks[file.Name] = context.AddTask(
                Markup.Escape(file.Name.Length <= LongestName ? file.Name : $"…{file.Name[^LongestName..]}"),
                maxValue: Math.Max(1, file.Bytes));
    }

    public void Moved(string file, long bytes)
    {
        if (_tasks.TryGetValue(file, out var task)) task.Increment(bytes);
    }
}
