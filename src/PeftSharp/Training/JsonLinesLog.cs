using System.Text;
using System.Text.Json;
using PeftSharp.Files;

namespace PeftSharp.Training;

/// <summary>Writes each step and evaluation as a line of JSON.</summary>
/// <remarks>A line that cannot be written (a full disk) is kept and written with the next one, or when the log is closed.</remarks>
public sealed class JsonLinesLog : ITrainingObserver, IDisposable
{
    private readonly string _path = "";
    private readonly FileStream? _file;
    private readonly List<string> _lines = [];
    private int _written;
    private long _end;
    private bool _closed;

    /// <summary>Opens the log; lines are added to what the file holds.</summary>
    public JsonLinesLog(string path) : this(path, FileMode.Append) { }

    /// <summary>Starts the log anew with the lines of a run that goes on.</summary>
    public JsonLinesLog(string path, IEnumerable<string> earlier) : this(path, FileMode.Create)
    {
        _lines.AddRange(earlier);
        Write();
    }

    private JsonLinesLog() { }

    private JsonLinesLog(string path, FileMode mode)
    {
        _path = path;
        // Unbuffered: what was reported is in the file if the program dies.
        _file = new FileStream(path, mode, FileAccess.Write, FileShare.Read, 0);
        _end = _file.Length;
    }

    /// <summary>A log that is kept in memory alone.</summary>
    public static JsonLinesLog InMemory() => new();

    /// <summary>The lines of this run so far.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <inheritdoc/>
    public void StepCompleted(StepReport report) => Add(Line(report));

    /// <inheritdoc/>
    public void Evaluated(long step, EvaluationResult result, bool isBest) => Add(Line(step, result, isBest));

    /// <summary>The line of a step.</summary>
    public static string Line(StepReport r) => JsonSerializer.Serialize(new
    {
        step = r.Step,
        epoch = Math.Round(r.Epoch, 4),
        loss = r.Loss,
        learning_rate = r.LearningRate,
        grad_norm = r.GradientNorm,
        samples_per_second = Math.Round(r.SamplesPerSecond, 2),
        tokens_per_second = Math.Round(r.TokensPerSecond, 1),
        seconds = Math.Round(r.Elapsed.TotalSeconds, 3),
    });

    /// <summary>The line of an evaluation.</summary>
    public static string Line(long step, EvaluationResult result, bool isBest) => JsonSerializer.Serialize(new
    {
        step,
        evaluation = result.Values.ToDictionary(v => v.Key, v => double.IsFinite(v.Value) ? v.Value : (double?)null),
        best = isBest,
        seconds = Math.Round(result.Seconds, 3),
    });

    /// <summary>Closes the file.</summary>
    /// <exception cref="PeftException">Lines are left that cannot be written.</exception>
    public void Dispose()
    {
        if (_closed) return;
        _closed = true;
        var failure = Write();
        _file?.Dispose();
        if (failure is not null)
            throw new PeftException(
                $"{_path} could not be written ({AtomicFile.Reason(failure)}); check the folder's permissions and the free space.",
                failure);
    }

    private void Add(string line)
    {
        _lines.Add(line);
        Write();
    }

    private Exception? Write()
    {
        if (_file is null || _written == _lines.Count) return null;
        try
        {
            _file.Write(Encoding.UTF8.GetBytes(string.Concat(_lines.Skip(_written).Select(l => l + "\n"))));
            (_written, _end) = (_lines.Count, _file.Position);
            return null;
        }
        catch (Exception e) when (AtomicFile.IsWriteFailure(e))
        {
            // A part of the lines may be there.
            _file.SetLength(_end);
            _file.Position = _end;
            return e;
        }
    }
}
