using System.Text.Json.Nodes;

namespace PeftSharp.Runs.Comparing;

/// <summary>One thing that is varied, a dataset or a method, with the settings that make it, under the keys of a recipe.</summary>
/// <param name="Name">Its name in tables and folders.</param>
/// <param name="Settings">Settings that win over those of the whole comparison.</param>
public sealed record Variant(string Name, JsonObject Settings)
{
    /// <summary>A dataset by its path alone: the last part of it is the name.</summary>
    public static Variant Dataset(string path) =>
        new(Path.GetFileName(Path.TrimEndingDirectorySeparator(path)), new JsonObject { ["data"] = path });

    /// <summary>A method, alias or preset by its name alone.</summary>
    public static Variant Method(string name) => new(name, new JsonObject { ["method"] = name });
}
