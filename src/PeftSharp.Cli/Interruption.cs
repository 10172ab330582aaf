using System.Runtime.InteropServices;

namespace PeftSharp.Cli;

/// <summary>Ctrl-C and a polite kill ask the run to stop after the step; a second one ends the program at once.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _signals;

    private readonly string _remark;

    /// <param name="remark">What the user is told; default: that the run stops after the step.</param>
    public Interruption(string remark = "Stopping after this step; interrupt again to end at once.")
    {
        _remark = remark;
        _signals = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask)];
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (var signal in _signals) signal.Dispose();
        _source.Dispose();
    }

    private void Ask(PosixSignalContext context)
    {
        if (_source.IsCancellationRequested) return;
        context.Cancel = true;
        Console.Error.WriteLine(_remark);
        _source.Cancel();
    }
}
