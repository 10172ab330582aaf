using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using PeftSharp.Files;
using PeftSharp.Runs.Joint;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Training;

/// <summary>The settings of a run that is under way, as a recipe beside its checkpoints: a resume needs nothing but the folder.</summary>
internal static class SavedRecipe
{
    private const string Recipe = "recipe.yaml", WorkingDirectory = "working_directory";

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Where a relative path is meant from the folder in which the run was started.
    private static readonly string[] Paths = ["base_model", "adapter", "data", "eval_data", "rows"];

    // They say where the run is and that it goes on, not what it is.
    private static readonly string[] LeftOut = ["output_dir", "resume_from_checkpoint", "compute"];

    /// <summary>Writes down the settings as they were given.</summary>
    /// <param name="folder">The run's work folder.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="changes">The method's settings from the command line.</param>
    /// <param name="compute">The precision that was chosen: another measurement might choose another.</param>
    public static void Write(string folder, TrainSettings settings, IEnumerable<KeyValuePair<string, string>> changes, string compute)
    {
        var text = new StringBuilder("# The run that a resume goes on with.\n");
        text.Append(WorkingDirectory).Append(": ").Append(Quoted(Environment.CurrentDirectory)).Append('\n');
        foreach (var (key, value) in settings.Given.Where(g => !LeftOut.Contains(g.Key)).Append(new("compute", compute)))
            text.Append(key).Append(": ").Append(Quoted(value)).Append('\n');
        var method = new Dictionary<string, string>(settings.MethodSettings);
        foreach (var (name, value) in changes) method[name] = value;
        if (method.Count > 0) text.Append("peft_config:\n");
        foreach (var (name, value) in method) text.Append("  ").Append(Quoted(name)).Append(": ").Append(Quoted(value)).Append('\n');
        AtomicFile.WriteText(Path.Combine(folder, Recipe), text.ToString());
    }

    /// <summary>Applies the saved settings; false if there are none.</summary>
    public static bool TryApply(string folder, TrainSettings settings)
    {
        var file = Path.Combine(folder, Recipe);
        if (!File.Exists(file)) return false;
        RecipeFile.Apply(file, settings);
        if (!settings.MethodSettings.Remove(WorkingDirectory, out var from) || from == Environment.CurrentDirectory) return true;
        foreach (var key in Paths)
            if (settings.Given.TryGetValue(key, out var path) && !Path.IsPathRooted(path) && Path.Exists(Path.Combine(from, path)))
                TrainKeys.Find(key)!.Apply(settings, Path.Combine(from, path), file);
        if (settings.Fuse is { } fused) TrainKeys.Find("fuse")!.Apply(settings, FusedAdapters.From(fused, from), file);
        settings.Tasks = [.. settings.Tasks.Select(task => From(from, task))];
        return true;
    }

    private static TaskEntry From(string folder, TaskEntry task) => task with
    {
        Settings =
        [
            .. task.Settings.Select(s => TaskEntry.PathKeys.Contains(s.Key) && !Path.IsPathRooted(s.Value)
                && Path.Exists(Path.Combine(folder, s.Value)) ? KeyValuePair.Create(s.Key, Path.Combine(folder, s.Value)) : s),
        ],
    };

    // A JSON string is a double-quoted YAML scalar.
    private static string Quoted(string text) => JsonSerializer.Serialize(text, Json);
}
