using PeftSharp.Data;

namespace PeftSharp.Runs.Joint;

/// <summary>A task as a run is told of it.</summary>
/// <param name="Name">Its name, which its folder gets.</param>
/// <param name="Settings">Its own settings by key, as texts: those of data and of scoring.</param>
/// <param name="Rows">Rows to train on that a program has in memory; null for those of the settings.</param>
/// <param name="Held">Rows to score on that a program has in memory.</param>
internal sealed record TaskEntry(
    string Name, IReadOnlyList<KeyValuePair<string, string>> Settings, TextDataset? Rows = null, TextDataset? Held = null)
{
    /// <summary>The settings that name files.</summary>
    internal static readonly string[] PathKeys = ["data", "eval_data", "rows"];

    /// <summary>The files that it reads.</summary>
    public IEnumerable<string> Paths => Settings.Where(setting => PathKeys.Contains(setting.Key)).Select(setting => setting.Value);
}
