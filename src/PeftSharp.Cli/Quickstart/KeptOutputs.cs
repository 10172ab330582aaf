using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using PeftSharp.Training;

namespace PeftSharp.Cli.Quickstart;

/// <summary>An evaluator that keeps its last outputs: the trainer's last scoring is the end result and need not be repeated.</summary>
internal sealed class KeptOutputs(Evaluator evaluator) : IEvaluator
{
    /// <summary>The outputs of the last evaluation.</summary>
    public LogitTable? Outputs { get; private set; }

    /// <summary>Its scores.</summary>
    public EvaluationResult? Result { get; private set; }

    public EvaluationResult Evaluate(CancellationToken cancellation = default)
    {
        var watch = Stopwatch.StartNew();
        Outputs = evaluator.Outputs(cancellation);
        return Result = evaluator.Score(Outputs) with { Seconds = watch.Elapsed.TotalSeconds };
    }
}
