using System.Globalization;
using PeftSharp.Cli.Training;
using PeftSharp.Hub;
using PeftSharp.Runs;
using PeftSharp.Runs.Results;
using PeftSharp.Training;
using Spectre.Console;

namespace PeftSharp.Cli.Terminal;

/// <summary>Tells a run on the console: remarks on standard error, a bar on a terminal, a line now and then elsewhere.</summary>
/// <param name="quiet">True leaves remarks and progress out; warnings remain.</param>
/// <param name="json">True keeps standard output for JSON.</param>
internal sealed class ConsoleObserver(bool quiet, bool json = false) : RunObserver
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly TransferBars _transfer = new();
    private ProgressTask? _task;
    private TimeSpan _last = -Pause;
    private double _smooth = double.NaN;

    private bool IsLive => !quiet && Screen.ErrorIsLive;

    public override void Remark(string sentence)
    {
        if (!quiet) Line(sentence);
    }

    /// <summary>Whatever the display.</summary>
    public override void Warn(string sentence) => Line($"warning: {sentence}");

    public override void Loaded(ParameterCount parameters)
    {
        foreach (var line in parameters.Lines) (json ? Console.Error : Console.Out).WriteLine(line);
    }

    public override T During<T>(RunStage stage, string title, Func<T> work)
    {
        if (stage == RunStage.Transfer) return _transfer.Show(IsLive, work);
        if (!IsLive) return work();
        if (stage == RunStage.Cell) return Screen.Error.Status().Spinner(Spinner.Known.Dots).Start(Markup.Escape(title), _ => work());
        return Screen.Error.Progress()
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
        {
            _task = context.AddTask(stage == RunStage.Training ? "starting" : title);
            try
            {
                return work();
            }
            finally
            {
                _task = null;
            }
        });
    }

    public override void Progressed(RunStage stage, long done, long all)
    {
        if (_task is not { } task) return;
        (task.MaxValue, task.Value) = (all, done);
    }

    public override void Started(RunPlan plan)
    {
        if (_task is not null) _task.MaxValue = plan.TotalSteps;
    }

    public override void Resumed(TrainingCurves curves)
    {
        foreach (var (_, loss) in curves.Losses) Smooth(loss);
    }

    public override void StepCompleted(StepReport step)
    {
        Smooth(step.Loss);
        if (_task is not null)
        {
            _task.Value = step.Step;
            _task.Description = Markup.Escape(Describe(step));
        }
        else if (step.Elapsed - _last >= Pause || step.Step == step.TotalSteps)
        {
            _last = step.Elapsed;
            Remark($"step {step.Step}/{step.TotalSteps}  {Describe(step)}");
        }
    }

    public override void Evaluated(long step, EvaluationResult result, bool isBest) =>
        Remark($"step {step}: {string.Join("  ", result.Values.Select(v => $"{v.Key} {Figures.Score(v.Value)}"))}");

    public override IEnumerable<KeyValuePair<string, byte[]>> Attachments(TrainingCurves curves)
    {
        if (curves.Losses.Count == 0) return [];
        try
        {
            return [new("loss.png", LossPlot.Picture(curves))];
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or InvalidOperationException)
        {
            // The adapter matters, the picture does not: a system may lack what drawing needs.
            Remark($"loss.png was not drawn ({e.GetType().Name}).");
            return [];
        }
    }

    public override void TransferStarting(HubRepository repository, IReadOnlyList<HubTransferFile> files) => _transfer.Starting(files);

    public override void Transferred(string file, long bytes) => _transfer.Moved(file, bytes);

    private void Line(string line)
    {
        if (_task is not null || _transfer.IsLive) Screen.Error.WriteLine(line);
        else Console.Error.WriteLine(line);
    }

    private void Smooth(double loss) => _smooth = double.IsNaN(_smooth) ? loss : 0.95 * _smooth + 0.05 * loss;

    private string Describe(StepReport step) => string.Create(CultureInfo.InvariantCulture,
        $"epoch {step.Epoch:0.00}  loss {_smooth:0.0000}  {step.SamplesPerSecond:0} samples/s  {Figures.Time(step.Remaining)} left");
}
