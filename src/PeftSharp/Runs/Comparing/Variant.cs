using System.Text.Json.Nodes;

namespace PeftSharp.Runs.Comparing;

/// <summary>One thing that is varied, a dataset or a method, with the settings that make it, under the keys of a recipe.</summary>
/// <param name="Name">Its name in tables and folders.</param>
/// <param name="Settings">Settings that win over those of the whole comparison.</param>
public sealed record Variant(string Name, JsonObject Settings);
