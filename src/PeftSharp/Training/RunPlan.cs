namespace PeftSharp.Training;

/// <summary>What is known before the first step.</summary>
/// <param name="TotalSteps">Optimizer steps planned.</param>
/// <param name="Examples">Examples of an epoch.</param>
/// <param name="Trained">Weights that are trained.</param>
public sealed record RunPlan(long TotalSteps, int Examples, long Trained);
