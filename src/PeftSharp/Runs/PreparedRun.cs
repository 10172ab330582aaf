using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Metrics;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Training;
using PeftSharp.Tokenization;

namespace PeftSharp.Runs;

/// <summary>A run in memory, loaded and checked, before its first step: what it works on can be measured and shown.</summary>
public sealed class PreparedRun : IDisposable
{
    private readonly TrainingRun _job;
    private readonly TrainInputs _inputs;
    private bool _trained;

    internal PreparedRun(TrainingRun job, TrainInputs inputs) => (_job, _inputs) = (job, inputs);

    /// <summary>The base with the adapter, which is not trained yet.</summary>
    public PeftModel Model => _inputs.Model;

    /// <summary>The adapter.</summary>
    public PeftMethod Adapter => _inputs.Adapter;

    /// <summary>Turns texts into tokens; null where rows are token ids.</summary>
    public Tokenizer? Tokenizer => _inputs.Tokenizer;

    /// <summary>The rows to train on.</summary>
    public TokenizedDataset Train => _inputs.Train;

    /// <summary>The rows to score on; null for none.</summary>
    public TokenizedDataset? Held => _inputs.Held;

    /// <summary>What the adapter is scored by.</summary>
    public MetricSet Metrics => _inputs.Metrics;

    /// <summary>How many weights are trained.</summary>
    public ParameterCount Parameters => _inputs.Parameters;

    /// <summary>Trains; what was prepared belongs to the run from then on.</summary>
    /// <param name="observer">Watches it. Default: nobody.</param>
    /// <param name="cancellation">Stops after a step; the run then returns as interrupted.</param>
    /// <exception cref="PeftException">It was trained already, or training fails.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before its first step.</exception>
    public Run Run(RunObserver? observer = null, CancellationToken cancellation = default)
    {
        if (_trained) throw new PeftException("The run was trained already; prepare another one.");
        _trained = true;
        return _job.Train(_inputs, observer ?? RunObserver.None, cancellation);
    }

    /// <summary>Lets go of model and rows, unless a run has taken them over.</summary>
    public void Dispose()
    {
        if (!_trained) _inputs.Dispose();
    }
}
