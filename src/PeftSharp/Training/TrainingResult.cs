namespace PeftSharp.Training;

/// <summary>How a run ended.</summary>
/// <param name="Steps">Optimizer steps completed.</param>
/// <param name="Stopped">True if it was stopped before its end by its caller.</param>
/// <param name="EarlyStopped">True if the score no longer rose.</param>
/// <param name="Loss">Mean loss of the last step.</param>
/// <param name="Evaluation">The last evaluation; that of the best weights where these were put back.</param>
/// <param name="BestStep">Step of the best evaluation; 0 if there was none.</param>
/// <param name="Seconds">Wall-clock seconds, evaluations included.</param>
/// <param name="TrainingSeconds">Wall-clock seconds of the steps alone.</param>
/// <param name="Samples">Examples trained on.</param>
/// <param name="Tokens">Real tokens trained on.</param>
public sealed record TrainingResult(
    long Steps,
        bool Stopped, bool EarlyStopped, double Loss, EvaluationResult? Evaluation, long BestStep, double Seconds, double TrainingSeconds,
        long Samples, long Tokens);
