using PeftSharp.Data;
using PeftSharp.Runs.Estimates;
using PeftSharp.Tests.Training;
using PeftSharp.Training;

namespace PeftSharp.Tests.Runs.Estimates;

public sealed class ProbeTests
{
    // Ids below the toy's vocabulary; lengths from 1 to 40.
    private static readonly TokenizedDataset Data = TokenizedDataset.Create(
        new TextDataset(
            [
                .. Enumerable.Range(0, 400)
                    .Select(i => new Example("", null, i % 3, float.NaN, i + 1, [.. Enumerable.Repeat(1, 1 + i % 40)])),
            ],
            LabelKind.Class, new LabelMap(["a", "b", "c"]), "toy"),
        new NoText(), 100, TestContext.Current.CancellationToken);

    private static readonly TrainerOptions Options = new() { TokensPerPass = 100 };

    [Fact]
    public void Every_Large_Shape_Is_Run_Once_And_A_Small_One_First()
    {
        var (plan, forecast) = Plan();
        var shapes = plan.Batches.Select(b => forecast.Shape(Data.Lengths, b)).ToList();
        double Pass(BatchShape s) => s.Pass(Options.TokensPerPass).Work(forecast.Width);
        var all = forecast.Planned.Select(b => forecast.Shape(Data.Lengths, b)).Distinct().ToList();
        Assert.Equal(
            all.Where(s => Pass(s) >= 0.4 * all.Max(Pass)).OrderBy(s => s.Tokens),
            shapes.Where(s => Pass(s) >= 0.4 * all.Max(Pass)).Distinct().OrderBy(s => s.Tokens));
        Assert.InRange(Pass(shapes[0]), 0, all.Max(Pass) / 2);
        Assert.Equal(Pass(shapes[0]) / all.Max(Pass), plan.WarmShare, 9);
    }

    [Fact]
    public void Steps_Are_Timed_And_Change_No_Weight()
    {
        using var model = new ToyModel();
        var before = model.Values();
        var (plan, forecast) = Plan();
        var done = new List<(int, int)>();
        var result = new Probe(model, Data, forecast, Options)
        {
            Progress = (step, of) => done.Add((step, of)),
        }.Run(TestContext.Current.CancellationToken);
        Assert.InRange(result.Training.Count, plan.Batches.Count, plan.Batches.Count + plan.Repeats.Count);
        Assert.Equal(Enumerable.Range(1, result.Training.Count).Select(i => (i, plan.Batches.Count + plan.Repeats.Count)), done);
        Assert.All(result.Training, b => Assert.True(b.Seconds > 0));
        Assert.Equal(
            plan.Batches.Concat(plan.Repeats).Take(result.Training.Count).Select(b => forecast.Shape(Data.Lengths, b).Passes(100)),
            result.Training.Select(b => b.Passes));
        Assert.Equal(before, model.Values());
        Assert.Equal(result.Shapes.All, result.Shapes.Run);
        Assert.Null(result.Refused);
        var memory = MemoryEstimate.Of(model, Options, result, forecast.Steps);
        Assert.Equal(12 * model.Values().Length, memory.State);
        Assert.Equal(16 * model.Values().Length, MemoryEstimate.Of(model, Options with { LoadBest = true }, result, forecast.Steps).State);
        Assert.Equal(4 * model.Values().Length, MemoryEstimate.Of(model, Options with { Optimizer = "sgd" }, result, forecast.Steps).State);
        var time = TimeEstimate.Of(forecast, result, null, 3);
        Assert.Equal(time.Training.Expected + 3, time.Total.Expected, 9);
        Assert.InRange(time.Training.Expected, time.Training.Low, time.Training.High);
    }

    [Fact]
    public void What_Would_Not_Fit_Is_Not_Tried()
    {
        using var model = new ToyModel();
        var (_, forecast) = Plan();
        var result = new Probe(model, Data, forecast, Options) { MemoryLimit = 1 }.Run(TestContext.Current.CancellationToken);
        Assert.Single(result.Training);
        Assert.Equal(result.Refused, MemoryEstimate.Of(model, Options, result, forecast.Steps).Peak);
        Assert.True(result.Refused > 1 << 20);
    }

    [Fact]
    public void After_Ten_Steps_Time_May_Be_Up()
    {
        using var model = new ToyModel();
        var (plan, forecast) = Plan();
        var result = new Probe(model, Data, forecast, Options) { TimeLimit = TimeSpan.Zero }.Run(TestContext.Current.CancellationToken);
        Assert.True(plan.Batches.Count > 10);
        Assert.Equal(10, result.Training.Count);
        Assert.True(result.Shapes.Run < result.Shapes.All);
    }

    private static (ProbePlan Plan, RunForecast Forecast) Plan()
    {
        var forecast = new RunForecast(Data.Lengths, new BatchPlan(Data.Lengths, 8, BatchOrder.Bucketed, 5), Options, 64, scored: false);
        return (ProbePlan.Create(Data.Lengths, forecast), forecast);
    }

    private sealed class NoText : ITextEncoder
    {
        public int PadId => 0;

        public EncodedText Encode(string text, string? pair, int maxLength) => throw new NotSupportedException();
    }
}
