namespace PeftSharp;

/// <summary>Where training stands when a hook or a forward runs.</summary>
/// <param name="Step">Optimizer steps completed, from 0.</param>
/// <param name="MicroStep">Index of the micro-batch inside the step, from 0.</param>
/// <param name="TotalSteps">Optimizer steps planned.</param>
/// <param name="Seed">Random seed: of the micro-step in a forward, of the step in a hook. Every random draw derives from it.</param>
/// <param name="LearningRate">The learning rate of this step.</param>
/// <param name="Phase">The phase of the run, from 0; 0 where the method has none.</param>
public readonly record struct StepState(long Step, int MicroStep, long TotalSteps, ulong Seed, double LearningRate, int Phase = 0);
