using System.Diagnostics;
using PeftSharp.Data;
using PeftSharp.Training;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Estimates;

/// <summary>
/// Stands between the trainer and what it trains: hands out chosen batches, and takes the time of each and of the optimizer.
/// </summary>
internal sealed class ProbedRun(ITrainingModel model, TokenizedDataset data, IReadOnlyList<int[]> chosen, long steps) : ITrainingModel,
    IBatchSource
{
    private int _next;
    private long _started, _updating;

    /// <summary>Seconds of each batch, in the order of the chosen ones.</summary>
    public List<double> Seconds { get; } = [];

    /// <summary>Seconds of each update of the weights.</summary>
    public List<double> UpdateSeconds { get; } = [];

    public int Examples => data.Count;

    public int BatchesPerEpoch => chosen.Count;

    public IReadOnlyList<TrainableParameter> Parameters => model.Parameters;

    public int AddedTokens => model.AddedTokens;

    public IReadOnlyDictionary<string, Tensor> MethodState => model.MethodState;

    public TokenBatch Batch(int epoch, int index)
    {
        End();
        _started = Stopwatch.GetTimestamp();
        return data.CreateBatch(chosen[_next++ % chosen.Count]);
    }

    public BatchLoss Loss(TokenBatch batch, StepState state) => model.Loss(batch, InRun(state));

    public void AfterBackward(StepState state)
    {
        End();
        model.AfterBackward(InRun(state));
    }

    public void BeforeStep(StepState state)
    {
        _updating = Stopwatch.GetTimestamp();
        model.BeforeStep(InRun(state));
    }

    public void AfterStep(StepState state)
    {
        model.AfterStep(InRun(state));
        UpdateSeconds.Add(Stopwatch.GetElapsedTime(_updating).TotalSeconds);
    }

    // A method with a schedule goes by the run that is planned.
    private StepState InRun(StepState state) => state with { TotalSteps = steps };

    private void End()
    {
        if (_started != 0) Seconds.Add(Stopwatch.GetElapsedTime(_started).TotalSeconds);
        _started = 0;
    }
}
