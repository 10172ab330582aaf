using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs;

/// <summary>Losses and scores of a run, from its first step on, those before a resume included.</summary>
public sealed class TrainingCurves : ITrainingObserver
{
    private readonly RunObserver _observer;
    private readonly List<(long Step, double Loss)> _losses = [];
    private readonly List<(long Step, EvaluationResult Result)> _scores = [];

    internal TrainingCurves(RunObserver? observer = null) => _observer = observer ?? RunObserver.None;

    /// <summary>Step, and the mean loss of its examples.</summary>
    public IReadOnlyList<(long Step, double Loss)> Losses => _losses;

    /// <summary>Step, and the scores after it.</summary>
    public IReadOnlyList<(long Step, EvaluationResult Result)> Scores => _scores;

    /// <summary>The last step; null before the first.</summary>
    internal StepReport? Last { get; private set; }

    /// <summary>Steps planned.</summary>
    public long TotalSteps { get; private set; }

    /// <summary>The mean loss of the last tenth of the steps; NaN before the first.</summary>
    internal double LastLoss => _losses.TakeLast(Math.Max(1, _losses.Count / 10)).Select(l => l.Loss).DefaultIfEmpty(double.NaN).Average();

    /// <inheritdoc/>
    public void Started(RunPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        TotalSteps = plan.TotalSteps;
        _observer.Started(plan);
    }

    /// <inheritdoc/>
    public void StepCompleted(StepReport report)
    {
        Keep(report);
        _observer.StepCompleted(report);
    }

    /// <inheritdoc/>
    public void Evaluated(long step, EvaluationResult result, bool isBest)
    {
        _scores.Add((step, result));
        _observer.Evaluated(step, result, isBest);
    }

    /// <summary>Takes over the curves of a run that goes on.</summary>
    /// <exception cref="PeftException">The saved log is not what a run writes.</exception>
    internal void Restore(TrainingCheckpoint checkpoint)
    {
        try
        {
            RestoreLog(checkpoint);
        }
        catch (Exception e) when (e is InvalidOperationException or NullReferenceException or FormatException or JsonException)
        {
            throw new PeftException(
                $"{checkpoint.Path}: the log in the saved state is not what a run writes; resume from another checkpoint, or start the "
                + "run anew.",
                e);
        }
        _observer.Resumed(this);
    }

    private void RestoreLog(TrainingCheckpoint checkpoint)
    {
        var state = checkpoint.Snapshot.State;
        foreach (var line in checkpoint.Log.Select(l => JsonNode.Parse(l)!))
        {
            var step = line["step"]!.GetValue<long>();
            if (line["evaluation"] is JsonObject values)
            {
                _scores.Add(
                    (
                        step,
                        state.LastEvaluation! with
                        {
                            Values = values.ToDictionary(v => v.Key, v => v.Value?.GetValue<double>() ?? double.NaN),
                        }));
                continue;
            }
            double Number(string name) => line[name]!.GetValue<double>();
            Keep(new(
                step, checkpoint.MaxSteps, Number("epoch"), Number("loss"), Number("learning_rate"), Number("grad_norm"),
                Number("samples_per_second"), Number("tokens_per_second"), TimeSpan.FromSeconds(Number("seconds")), TimeSpan.Zero));
        }
    }

    private void Keep(StepReport step)
    {
        ArgumentNullException.ThrowIfNull(step);
        Last = step;
        _losses.Add((step.Step, step.Loss));
    }
}
