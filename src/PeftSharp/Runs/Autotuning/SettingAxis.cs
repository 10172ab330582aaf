namespace PeftSharp.Runs.Autotuning;

/// <summary>A setting of a run that a search may vary beside its modules.</summary>
/// <param name="Key">Its key in a recipe, such as <c>learning_rate</c>.</param>
/// <param name="Values">What to try, as a recipe would have it; each once.</param>
public sealed record SettingAxis(string Key, IReadOnlyList<string> Values);
