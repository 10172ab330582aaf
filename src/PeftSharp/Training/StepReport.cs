namespace PeftSharp.Training;

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
