namespace PeftSharp;

/// <summary>A stretch of a run in which a method trains tensors of that stretch, with a learning-rate schedule of its own.</summary>
/// <param name="Name">What it is called in logs, for example <c>mask</c>.</param>
/// <param name="Share">How much of the run's steps it takes, relative to the other phases; above 0.</param>
public sealed record TrainingPhase(string Name, double Share = 1);
