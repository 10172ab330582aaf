using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Methods;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Autotuning;

/// <summary>Reads a search space: from one text, or from the mapping of a plan.</summary>
internal static class SpaceReader
{
    private const string LayersKey = "layers", SizesKey = "sizes";
    private const int MostValues = 100;

    /// <summary>From words such as <c>seq_bn=0,8,64</c>.</summary>
    public static SearchSpace FromText(string text)
    {
        var space = new SearchSpace();
        foreach (var word in text.Split((char[])[' ', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var at = word.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0)
                throw new SettingsException(
                    $"The search space has \"{Printable.Cut(word, 80)}\", which is no NAME=VALUES; write \"autopeft\", \"lora\", or for "
                    + "example \"seq_bn=0,8,64 lora=0,4,16\".");
            space = With(space, "The search space", word[..at], Values.List(word[(at + 1)..]), []);
        }
        return space;
    }

    /// <summary>From a plan: a name, a text, or a mapping.</summary>
    public static SearchSpace From(string file, JsonNode node)
    {
        if (node is JsonValue text) return SearchSpace.Parse($"{text}");
        if (node is not JsonObject map)
            throw new SettingsException(
                $"{file}: \"space\" is a list; write a name such as autopeft, or lines such as \"seq_bn: [0, 8, 64]\".");
        var space = new SearchSpace();
        foreach (var (name, value) in map)
        {
            var fixedSettings = value as JsonObject;
            var sizes = fixedSettings is null ? value : fixedSettings[SizesKey];
            if (sizes is null)
                throw new SettingsException(
                    $"{file}: \"{name}\" of the search space has no \"{SizesKey}\"; list them, such as [0, 8, 64].");
            string[] values = sizes is JsonArray list ? [.. list.Select(v => $"{v}")] : Values.List($"{sizes}");
            var rest = (JsonObject?)fixedSettings?.DeepClone() ?? [];
            rest.Remove(SizesKey);
            space = With(space, file, name, values, rest);
        }
        return space;
    }

    private static SearchSpace With(SearchSpace space, string source, string name, string[] values, JsonObject settings)
    {
        if (values.Length > MostValues)
            throw new SettingsException($"{source}: \"{name}\" has {values.Length} values; at most {MostValues} are tried.");
        if (name == LayersKey)
            return values is ["all" or "search"] ? space with { Layers = values[0] == "search" }
                : throw new SettingsException(
                    $"{source}: \"{LayersKey}\" is \"{string.Join(',', values)}\"; expected search (which layers have modules is chosen), "
                    + "or all.");
        if (TrainKeys.Find(name) is not null && !IsMethod(name))
            return space with { Settings = [.. space.Settings, new(name, values)] };
        var module = new ModuleAxis(name, [.. values.Select(v => Size(source, name, v))]) { Settings = settings };
        return space with { Modules = [.. space.Modules, module] };
    }

    private static bool IsMethod(string name) => MethodRegistry.All.Any(
        m => m.Aliases.Concat(m.Presets.Keys).Append(m.Name).Contains(name, StringComparer.OrdinalIgnoreCase));

    private static int Size(string source, string name, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            ? size
            : throw new SettingsException(
                $"{source}: \"{name}\" of the search space has the size \"{Printable.Cut(text, 40)}\"; expected whole numbers from 0 on.");
}
