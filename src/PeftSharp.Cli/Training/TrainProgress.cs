using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Training;
using PeftSharp.Training.Resume;
using Spectre.Console;

namespace PeftSharp.Cli.Training;

/// <summary>Shows a run as it goes: a bar on a terminal, a line now and then elsewhere; keeps the curves.</summary>
internal sealed class TrainProgress(Remarks remarks) : ITrainingObserver
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private ProgressTask? _task;
    private TimeSpan _last = -Pause;
    private double _smooth = double.NaN;

    /// <summary>Step and loss.</summary>
    public List<(long Step, double Loss)> Losses { get; } = [];

    /// <summary>Step and scores.</summary>
    public List<(long Step, EvaluationResult Result)> Scores { get; } = [];

    public StepReport? Last { get; private set; }

    public long TotalSteps { get; private set; }

    /// <summary>Runs the training under the display.</summary>
    public T Show<T>(Func<T> train)
    {
        if (remarks.Quiet || !Screen.ErrorIsLive) return train();
        return Screen.Error.Progress().Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }).Start(context =>
        {
            _task = context.AddTask("starting");
            return train();
        });
    }

    /// <summary>Takes over the curves of a run that goes on.</summary>
    /// <exception cref="PeftException">The saved log is not what a run writes.</exception>
    public void Restore(TrainingCheckpoint checkpoint)
    {
        try
        {
            RestoreLog(checkpoint);
        }
        catch (Exception e) when (e is InvalidOperationException or NullReferenceException or FormatException or System.Text.Json.JsonException)
        {
            throw new PeftException($"{checkpoint.Path}: the log in the saved state is not what a run writes; resume from another checkpoint, or start the run anew.", e);
        }
    }

    private void RestoreLog(TrainingCheckpoint checkpoint)
    {
        var state = checkpoint.Snapshot.State;
        foreach (var line in checkpoint.Log.Select(l => JsonNode.Parse(l)!))
        {
            var step = line["step"]!.GetValue<long>();
            if (line["evaluation"] is JsonObject values)
            {
                Scores.Add((step, state.LastEvaluation! with { Values = values.ToDictionary(v => v.Key, v => v.Value?.GetValue<double>() ?? double.NaN) }));
                continue;
            }
            double Number(string name) => line[name]!.GetValue<double>();
            Keep(new(
                step, checkpoint.MaxSteps, Number("epoch"), Number("loss"), Number("learning_rate"), Number("grad_norm"),
                Number("samples_per_second"), Number("tokens_per_second"), TimeSpan.FromSeconds(Number("seconds")), TimeSpan.Zero));
        }
    }

    /// <summary>A line among the others, whatever the display.</summary>
    public void Warn(string line)
    {
        if (_task is not null) Screen.Error.WriteLine(line);
        else Console.Error.WriteLine(line);
    }

    public void Started(RunPlan plan)
    {
        TotalSteps = plan.TotalSteps;
        if (_task is not null) _task.MaxValue = plan.TotalSteps;
    }

    public void StepCompleted(StepReport step)
    {
        Keep(step);
        if (_task is not null)
        {
            _task.Value = step.Step;
            _task.Description = Markup.Escape(Describe(step));
        }
        else if (step.Elapsed - _last >= Pause || step.Step == step.TotalSteps)
        {
            _last = step.Elapsed;
            remarks.Write($"step {step.Step}/{step.TotalSteps}  {Describe(step)}");
        }
    }

    public void Evaluated(long step, EvaluationResult result, bool isBest)
    {
        Scores.Add((step, result));
        var line = $"step {step}: {string.Join("  ", result.Values.Select(v => $"{v.Key} {Format.Score(v.Value)}"))}";
        if (_task is not null) Screen.Error.WriteLine(line);
        else remarks.Write(line);
    }

    private void Keep(StepReport step)
    {
        Last = step;
        Losses.Add((step.Step, step.Loss));
        _smooth = double.IsNaN(_smooth) ? step.Loss : 0.95 * _smooth + 0.05 * step.Loss;
    }

    private string Describe(StepReport step) => string.Create(CultureInfo.InvariantCulture,
        $"epoch {step.Epoch:0.00}  loss {_smooth:0.0000}  {step.SamplesPerSecond:0} samples/s  {Format.Time(step.Remaining)} left");
}
