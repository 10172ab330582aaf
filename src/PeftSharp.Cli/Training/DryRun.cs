using PeftSharp.Cli.Terminal;
using PeftSharp.Evaluation.Estimates;

namespace PeftSharp.Cli.Training;

internal sealed class DryRun(TrainSettings settings, TrainInputs inputs, OutputFolder folder, Remarks remarks, bool json)
{
    public int Run(TimeSpan loading, CancellationToken cancellation)
    {
        var evaluator = inputs.Evaluator();
        var options = settings.ForTrainer(inputs.IsFull, evaluator is not null);
        var forecast = new RunForecast(inputs.Train, inputs.Plan(settings), options, inputs.Model.Model.Width, evaluator is not null);
        var model = inputs.Trained(settings);
        var probe = new Probe(model, inputs.Train, forecast, options, evaluator);
        var r = probe.Run(cancellation);
        foreach (var b in r.Training) Console.WriteLine(b);
        foreach (var b in r.Evaluation) Console.WriteLine(b);
        Console.WriteLine(MemoryEstimate.Of(model, options, r));
        Console.WriteLine(TimeEstimate.Of(forecast, r, evaluator, loading.TotalSeconds));
        Console.WriteLine($"{r.Shapes} {string.Join(' ', r.Peaks.Select(p => p >> 20))} {r.UpdateSeconds} {folder.Target} {remarks.Quiet} {json} {loading}");
        return 0;
    }
}
