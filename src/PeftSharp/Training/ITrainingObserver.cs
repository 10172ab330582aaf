namespace PeftSharp.Training;

/// <summary>What is known before the first step.</summary>
/// <param name="TotalSteps">Optimizer steps planned.</param>
/// <param name="Examples">Examples of an epoch.</param>
/// <param name="Trained">Weights that are trained.</param>
public sealed record RunPlan(long TotalSteps, int Examples, long Trained);

/// <summary>One optimizer step.</summary>
/// <param name="Step">Steps completed, this one included.</param>
/// <param name="TotalSteps">Steps planned.</param>
/// <param name="Epoch">Passes over the data so far, a fraction.</param>
/// <param name="Loss">Mean loss of the step's examples.</param>
/// <param name="LearningRate">The learning rate used.</param>
/// <param name="GradientNorm">Norm of the gradient before clipping.</param>
/// <param name="SamplesPerSecond">Examples per second since the run began, evaluations left out.</param>
/// <param name="TokensPerSecond">Real tokens per second, likewise.</param>
/// <param name="Elapsed">Time since the run began.</param>
/// <param name="Remaining">Estimated time to the end.</param>
public sealed record StepReport(
    long Step, long TotalSteps, double Epoch, double Loss, double LearningRate, double GradientNorm,
    double SamplesPerSecond, double TokensPerSecond, TimeSpan Elapsed, TimeSpan Remaining);

/// <summary>Watches a training run.</summary>
public interface ITrainingObserver
{
    /// <summary>Before the first step.</summary>
    void Started(RunPlan plan) { }

    /// <summary>After an optimizer step.</summary>
    void StepCompleted(StepReport report) { }

    /// <summary>After an evaluation.</summary>
    void Evaluated(long step, EvaluationResult result, bool isBest) { }

    /// <summary>After a step and the evaluation that belongs to it: <see cref="Trainer.Export"/> gives a state to go on from.</summary>
    void AtRest(Trainer trainer) { }

    /// <summary>After the caller asked to stop before the end; the state is one to go on from.</summary>
    void Interrupted(Trainer trainer) { }

    /// <summary>After the last step.</summary>
    void Finished(TrainingResult result) { }
}
