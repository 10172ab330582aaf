using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Checkpoints;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace PeftSharp.Cli.Training;

/// <summary>A run written down: a YAML mapping with Hugging Face's key names, the method's settings among them under their peft names.</summary>
internal static class Recipe
{
    private const long MaxBytes = 1 << 20;
    private const int MaxNodes = 10_000;

    /// <summary>Applies a recipe. Keys of the method are kept for <see cref="CheckMethodKeys"/>: which they are is known once the method is.</summary>
    public static void Apply(string file, TrainSettings settings)
    {
        settings.MethodSource = file;
        foreach (var (keyNode, value) in Read(file).Children)
        {
            var name = (keyNode as YamlScalarNode)?.Value ?? throw Bad(file, keyNode.Start, "a key is no text; write \"key: value\" lines");
            var where = $"{file}, line {keyNode.Start.Line}: \"{name}\"";
            if (TrainKeys.Find(name) is { } key)
            {
                if (key.IsList && value is YamlSequenceNode list && list.Children.All(c => c is YamlScalarNode))
                {
                    key.Apply(settings, string.Join(',', list.Children), where);
                    continue;
                }
                if (value is not YamlScalarNode scalar) throw new UsageException($"{where} holds a {Kind(value)}; expected a single value.");
                if (!IsNull(scalar)) key.Apply(settings, scalar.Value!, where);
            }
            else if (name == "peft_config" && value is YamlMappingNode inner)
            {
                foreach (var (k, v) in inner.Children) AddMethodSetting(settings, file, k, v);
            }
            else AddMethodSetting(settings, file, keyNode, value);
        }
    }

    /// <summary>The whole file as JSON.</summary>
    public static JsonObject ReadJson(string file)
    {
        var nodes = 0;
        return (JsonObject)Json(Read(file), file, ref nodes)!;
    }

    /// <summary>Refuses a key that is neither a run's nor the method's.</summary>
    public static void CheckMethodKeys(string file, TrainSettings settings, IEnumerable<string> known)
    {
        string[] names = [.. known];
        if (settings.MethodSettings.Keys.FirstOrDefault(k => !names.Contains(k)) is not { } stray) return;
        throw new UsageException($"{file}: there is no key \"{stray}\" (neither of a run nor of the method \"{settings.Method}\"); {Nearest.Hint(stray, TrainKeys.Names.Concat(names))}see \"peft train --help\" and \"peft methods {settings.Method}\".");
    }

    private static void AddMethodSetting(TrainSettings settings, string file, YamlNode key, YamlNode value)
    {
        var nodes = 0;
        var json = Json(value, file, ref nodes);
        var name = (key as YamlScalarNode)?.Value ?? throw Bad(file, key.Start, "a key is no text; write \"key: value\" lines");
        settings.MethodSettings[name] = json is JsonValue text && text.TryGetValue<string>(out var plain) ? plain : json?.ToJsonString() ?? "null";
    }

    private static YamlMappingNode Read(string file)
    {
        if (!File.Exists(file)) throw new PeftException($"The recipe {file} does not exist; give a YAML file with lines such as \"learning_rate: 5e-4\".");
        if (FileSize.Of(file) > MaxBytes) throw new PeftException($"The recipe {file} has more than {MaxBytes >> 20} MB, which no recipe has; check that it is the right file.");
        try
        {
            using var reader = new StreamReader(file);
            var yaml = new YamlStream();
            yaml.Load(reader);
            return yaml.Documents.Count == 1 && yaml.Documents[0].RootNode is YamlMappingNode root
                ? root
                : throw new PeftException($"The recipe {file} is no YAML mapping; write \"key: value\" lines.");
        }
        catch (YamlException e)
        {
            throw Bad(file, e.Start, $"not valid YAML ({e.Message.Split('\n')[0].TrimEnd('.')})");
        }
    }

    // Aliases may nest a small file into an endless tree, hence the limit.
    private static JsonNode? Json(YamlNode node, string file, ref int nodes)
    {
        if (++nodes > MaxNodes) throw Bad(file, node.Start, $"more than {MaxNodes} values in one setting");
        if (node is YamlSequenceNode list)
        {
            var array = new JsonArray();
            foreach (var item in list.Children) array.Add(Json(item, file, ref nodes));
            return array;
        }
        if (node is YamlMappingNode map)
        {
            var json = new JsonObject();
            foreach (var (key, value) in map.Children) json[(key as YamlScalarNode)?.Value ?? ""] = Json(value, file, ref nodes);
            return json;
        }
        var scalar = (YamlScalarNode)node;
        if (IsNull(scalar)) return null;
        if (scalar.Style != ScalarStyle.Plain) return scalar.Value;
        if (bool.TryParse(scalar.Value, out var flag)) return flag;
        if (long.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        return double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : scalar.Value;
    }

    private static bool IsNull(YamlScalarNode scalar) => scalar.Style == ScalarStyle.Plain && scalar.Value is null or "" or "null" or "~";

    private static string Kind(YamlNode node) => node is YamlSequenceNode ? "list" : "mapping";

    private static UsageException Bad(string file, Mark at, string problem) => new($"{file}, line {at.Line}: {problem}.");
}
