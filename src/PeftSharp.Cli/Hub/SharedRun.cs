using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files.Json;
using PeftSharp.Runs.Results;

namespace PeftSharp.Cli.Hub;

/// <summary>The part of run.json that others need or may see: labels, length, settings, scores; no paths of this machine.</summary>
internal static class SharedRun
{
    private static readonly string[] Kept =
        ["program", "problem", "task", "labels", "settings", "parameters", "steps", "primary", "metrics"];
    private static readonly string[] Paths = ["base_model", "adapter", "data", "eval_data", "rows"];

    public static byte[] Of(RunFile run)
    {
        var shared = new JsonObject(Kept.Where(run.Json.ContainsKey).Select(key => KeyValuePair.Create(key, run.Json[key]?.DeepClone())));
        if (shared["settings"] is JsonObject settings)
            foreach (var path in Paths) settings.Remove(path);
        return Encoding.UTF8.GetBytes(JsonText.Text(shared) + "\n");
    }
}
