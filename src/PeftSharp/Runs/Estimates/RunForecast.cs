using PeftSharp.Data;
using PeftSharp.Training;

namespace PeftSharp.Runs.Estimates;

/// <summary>What a run will do, counted from its plan before it starts.</summary>
/// <remarks>Epochs differ only in how rows are put together: where there are very many, the first ones stand for the others.</remarks>
public sealed class RunForecast
{
    // Enough to tell padding and time to a fraction of a percent; counting more would only take longer.
    private const int MostBatches = 200_000;

    private readonly List<int[]> _planned = [];

    /// <summary>Counts a run.</summary>
    /// <param name="lengths">Tokens of each row to train on.</param>
    /// <param name="plan">How they are put into batches.</param>
    /// <param name="options">The trainer's settings.</param>
    /// <param name="width">Width of the model's residual stream.</param>
    /// <param name="scored">True if there are rows to score on.</param>
    /// <param name="addedTokens">Vectors that the adapter puts before each row (<see cref="ITrainingModel.AddedTokens"/>).</param>
    internal RunForecast(IReadOnlyList<int> lengths, BatchPlan plan, TrainerOptions options, int width, bool scored, int addedTokens = 0)
    {
        (Width, TokensPerPass, Accumulation, AddedTokens) = (width, options.TokensPerPass, options.Accumulation, addedTokens);
        StepsPerEpoch = options.StepsPerEpoch(plan.BatchesPerEpoch);
        Steps = options.TotalSteps(plan.BatchesPerEpoch);
        var (epochs, rest) = Math.DivRem(Steps, StepsPerEpoch);
        Batches = epochs * plan.BatchesPerEpoch + rest * options.Accumulation;
        Evaluations = !scored ? 0 : options.Evaluation switch
        {
            EvaluationMoment.Steps => Steps / options.EvaluationSteps + (Steps % options.EvaluationSteps == 0 ? 0 : 1),
            EvaluationMoment.Epoch => epochs + (rest == 0 ? 0 : 1),
            _ => 1,
        };
        Count(lengths, plan);
    }

    /// <summary>Optimizer steps.</summary>
    public long Steps { get; }

    /// <summary>Optimizer steps of an epoch.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Batches, all epochs together.</summary>
    public long Batches { get; }

    /// <summary>Rows trained on; a row counts once an epoch.</summary>
    internal long Rows { get; private set; }

    /// <summary>Real tokens trained on.</summary>
    public long Tokens { get; private set; }

    /// <summary>Tokens trained on, padding included.</summary>
    internal long PaddedTokens { get; private set; }

    /// <summary>The share of padding among all tokens, 0 to 1.</summary>
    public double PaddingShare => PaddedTokens == 0 ? 0 : 1 - (double)Tokens / PaddedTokens;

    /// <summary>Forward and backward passes: a batch above the limit of tokens goes through in parts.</summary>
    public long Passes { get; private set; }

    /// <summary>How often the model is scored; fewer where early stopping ends the run.</summary>
    public long Evaluations { get; }

    internal int Width { get; }

    internal int TokensPerPass { get; }

    internal int Accumulation { get; }

    internal int AddedTokens { get; }

    internal double Work { get; private set; }

    /// <summary>The batches that were counted, in their order.</summary>
    internal IReadOnlyList<int[]> Planned => _planned;

    /// <summary>The size of a batch of some rows.</summary>
    internal BatchShape Shape(IReadOnlyList<int> lengths, int[] rows) => new(rows.Length, rows.Max(row => lengths[row]) + AddedTokens);

    private void Count(IReadOnlyList<int> lengths, BatchPlan plan)
    {
        for (var epoch = 0; _planned.Count < Math.Min(Batches, MostBatches); epoch++)
            _planned.AddRange(plan.Epoch(epoch).Take((int)Math.Min(plan.BatchesPerEpoch, Batches - _planned.Count)));
        var share = (double)Batches / _planned.Count;
        long Whole(double counted) => (long)Math.Round(counted * share);
        var shapes = _planned.ConvertAll(rows => Shape(lengths, rows));
        Rows = Whole(shapes.Sum(s => (long)s.Rows));
        Tokens = Whole(_planned.Sum(rows => rows.Sum(row => (long)lengths[row])));
        PaddedTokens = Whole(shapes.Sum(s => (long)s.Rows * (s.Tokens - AddedTokens)));
        Passes = Whole(shapes.Sum(s => (long)s.Passes(TokensPerPass)));
        Work = shapes.Sum(s => s.Work(Width)) * share;
    }
}
