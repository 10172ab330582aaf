using System.Text.Json;

namespace PeftSharp.Training;

/// <summary>Writes each step and evaluation as a line of JSON.</summary>
public sealed class JsonLinesLog(string path) : ITrainingObserver, IDisposable
{
    private readonly StreamWriter _file = new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read)) { AutoFlush = true };

    /// <inheritdoc/>
    public void StepCompleted(StepReport report) => _file.WriteLine(Line(report));

    /// <inheritdoc/>
    public void Evaluated(long step, EvaluationResult result, bool isBest) => _file.WriteLine(Line(step, result, isBest));

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

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
}
