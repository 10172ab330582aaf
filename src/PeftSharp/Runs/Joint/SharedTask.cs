namespace PeftSharp.Runs.Joint;

/// <summary>One of the tasks that share an adapter: what its head answers.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Labels">Names of its classes in the order of the outputs; null for those of the base's head.</param>
/// <param name="IsNumber">True if the answer is a number; default false.</param>
public sealed record SharedTask(string Name, IReadOnlyList<string>? Labels = null, bool IsNumber = false);
