using PeftSharp.Data;

namespace PeftSharp.Training;

/// <summary>Scores a model on held-out data.</summary>
public interface IEvaluator
{
    /// <summary>Evaluates now. <c>Values</c> holds every metric by name, <c>loss</c> included.</summary>
    EvaluationResult Evaluate(CancellationToken cancellation = default);
}
