using System.Text.Json.Nodes;

namespace PeftSharp.Formats;

/// <summary>What settings meant in earlier versions of AdapterHub's library; read as the library itself reads them today.</summary>
internal static class AdapterHubHistory
{
    private const string Prefix = "adapters.";

    private static readonly Version ScalesLora = new(1, 1, 0);

    /// <summary>Brings the settings of an older version up to date.</summary>
    /// <param name="config">The <c>config</c> object, changed in place.</param>
    /// <param name="version">The <c>version</c> beside it, such as <c>adapters.1.2.0</c>; null where it is missing.</param>
    public static void Correct(JsonObject config, string? version)
    {
        // adapter-transformers, before there was a version: its "gelu" was the approximation by tanh.
        if (version is null && config["non_linearity"] is JsonValue name)
            config["non_linearity"] = name.ToString() switch { "gelu" => "gelu_new", "gelu_orig" => "gelu", var other => other };
        // Before 1.1.0 the scale alpha / r never took part in training.
        if (config["architecture"]?.ToString() == "lora" && config["r"] is { } rank && IsBefore(version, ScalesLora))
            config["alpha"] = rank.DeepClone();
    }

    private static bool IsBefore(string? version, Version other)
    {
        if (version?.StartsWith(Prefix, StringComparison.Ordinal) != true) return false;
        // 1.0.0.dev2 and the like: the numbers tell.
        var numbers = version[Prefix.Length..].Split('.')
            .TakeWhile(part => int.TryParse(part, out _))
            .Take(3)
            .Select(int.Parse)
            .Concat([0, 0, 0])
            .Take(3)
            .ToArray();
        return new Version(numbers[0], numbers[1], numbers[2]) < other;
    }
}
