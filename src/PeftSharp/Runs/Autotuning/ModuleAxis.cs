using System.Text.Json.Nodes;
using PeftSharp.Methods;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Autotuning;

/// <summary>A kind of module that a search may use, with the sizes that it may have.</summary>
/// <param name="Method">A method, an alias or a preset, such as <c>seq_bn</c>.</param>
/// <param name="Sizes">
/// Sizes, ascending, each once; 0 leaves the module out. A size is the width of a bottleneck, the length of a prefix or the rank of a LoRA;
/// of methods without one, 1 means that the method takes part.
/// </param>
public sealed record ModuleAxis(string Method, IReadOnlyList<int> Sizes)
{
    private static readonly string[] KnownSizes = ["bottleneck_size", "num_virtual_tokens", "r"];

    /// <summary>Settings of the method that stay as they are, under their names in a recipe.</summary>
    public JsonObject Settings { get; init; } = [];

    /// <summary>Refuses a module that cannot be searched.</summary>
    /// <exception cref="SettingsException">There is no such method, or a size cannot be.</exception>
    internal void Validate(string source)
    {
        if (Sizes.Count == 0) throw Bad(source, "has no sizes; list some, such as [0, 8, 64]");
        if (Sizes.Any(s => s < 0) || !Sizes.Order().SequenceEqual(Sizes) || Sizes.Distinct().Count() != Sizes.Count)
            throw Bad(source, $"has the sizes {string.Join(", ", Sizes)}; expected whole numbers from 0 on, ascending, each once");
        if (UnionExpression.Is(Method)) throw Bad(source, "joins several methods; give each of them its own sizes");
        if (SizeSetting is null && Sizes.Any(s => s > 1))
            throw Bad(source, "has no size of its own; expected [0, 1]: without it, and with it");
    }

    /// <summary>The setting that is the module's size; null for a method that has none.</summary>
    internal string? SizeSetting => KnownSizes.FirstOrDefault(Has);

    /// <summary>The settings of a module of a size, without the part's name before them.</summary>
    /// <param name="size">The size, above 0.</param>
    /// <param name="off">Layers without the module.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="alone">True if the module is the whole method, false in a union.</param>
    internal JsonObject Of(int size, IReadOnlyList<int> off, int layers, bool alone)
    {
        var settings = (JsonObject)Settings.DeepClone();
        if (SizeSetting is { } name)
        {
            settings[name] = size;
            // The scale alpha / r stays 1, whatever the rank.
            if (name == "r" && Has("lora_alpha") && !settings.ContainsKey("lora_alpha")) settings["lora_alpha"] = size;
        }
        // A union is kept in AdapterHub's layout, which names maps by their role, and a prefix leaves layers out in that layout alone.
        if (!alone && Has("roles") && !settings.ContainsKey("roles")) settings["roles"] = Numbers(["query", "value"]);
        if (alone && Has("adapterhub_style")) settings["adapterhub_style"] = true;
        if (off.Count == 0) return settings;
        if (alone && Has("layers_to_transform"))
            settings["layers_to_transform"] = Numbers(Enumerable.Range(0, layers).Except(off));
        else if (Has("leave_out")) settings["leave_out"] = Numbers(off);
        return settings;
    }

    private bool Has(string setting) => MethodSettings.Of(Options.GetType()).Any(s => s.Name == setting);

    private MethodOptions Options => MethodName.Options(Method);

    private static JsonArray Numbers<T>(IEnumerable<T> values) => new([.. values.Select(v => (JsonNode?)JsonValue.Create(v))]);

    private SettingsException Bad(string source, string problem) =>
        new($"{source}: the module \"{Method}\" of the search space {problem}.");
}
