using System.Text.Json.Nodes;
using PeftSharp.Files.Yaml;
using PeftSharp.Methods;

namespace PeftSharp.Runs.Recipes;

/// <summary>
/// A run written down: a YAML mapping with Hugging Face's key names, the method's settings among them under their peft names.
/// </summary>
internal static class RecipeFile
{
    /// <summary>
    /// Applies a recipe. Keys of the method are kept for <see cref="CheckMethodKeys"/>: which they are is known once the method is.
    /// </summary>
    public static void Apply(string file, TrainSettings settings)
    {
        settings.MethodSource = settings.Recipe = file;
        foreach (var (keyNode, value) in Read(file).Entries)
        {
            var where = $"{file}, line {keyNode.Line}: \"{Printable.Cut(keyNode.Text, 80)}\"";
            if (TrainKeys.Find(keyNode.Text) is { } key)
            {
                if (key.IsList && value is YamlList list && list.Items.All(item => item is YamlScalar))
                {
                    key.Apply(settings, string.Join(',', list.Items.Select(item => ((YamlScalar)item).Text)), where);
                    continue;
                }
                if (key.IsMixed && value is YamlList mixed)
                {
                    key.Apply(settings, mixed.Json().ToJsonString(), where);
                    continue;
                }
                if (value is not YamlScalar scalar)
                    throw new SettingsException($"{where} holds a {(value is YamlList ? "list" : "mapping")}; expected a single value.");
                if (!scalar.IsNull) key.Apply(settings, scalar.Text, where);
            }
            else if (keyNode.Text == "peft_config" && value is YamlMap inner)
            {
                foreach (var (k, v) in inner.Entries) AddMethodSetting(settings, k, v);
            }
            else AddMethodSetting(settings, keyNode, value);
        }
    }

    /// <summary>The whole file as JSON.</summary>
    public static JsonObject ReadJson(string file) => Read(file).Json();

    /// <summary>Refuses a key that is neither a run's nor the method's.</summary>
    public static void CheckMethodKeys(string file, TrainSettings settings, MethodOptions options)
    {
        if (settings.MethodSettings.Keys.FirstOrDefault(k => !MethodSettings.Knows(options, settings.Method!, k)) is not { } stray) return;
        var names = MethodSettings.Of(options, settings.Method).Select(s => s.Name);
        throw new SettingsException(
            $"{file}: there is no key \"{stray}\" (neither of a run nor of the method \"{settings.Method}\"); "
            + Nearest.Hint(stray, TrainKeys.Names.Concat(names))
            + (MethodSettings.OwnList(options) ?? settings.Caller.KnownSettings(settings.Method!)));
    }

    private static void AddMethodSetting(TrainSettings settings, YamlScalar key, YamlValue value)
    {
        var json = value.Json();
        settings.SetOfMethod(
            key.Text,
            json is JsonValue text && text.TryGetValue<string>(out var plain) ? plain : json?.ToJsonString() ?? "null");
    }

    private static YamlMap Read(string file) => File.Exists(file) ? StrictYaml.Read(file)
        : throw new PeftException($"The recipe {file} does not exist; give a YAML file with lines such as \"learning_rate: 5e-4\".");
}
