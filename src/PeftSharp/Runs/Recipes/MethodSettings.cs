using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;

namespace PeftSharp.Runs.Recipes;

/// <summary>The settings of methods by their JSON names: listed, and set from texts.</summary>
public static class MethodSettings
{
    // Filled in by the library, or markers of files: not for users to set.
    private static readonly string[] Internal =
    [
        "peft_type", "task_type", "base_model_name_or_path", "revision", "inference_mode",
        "token_dim", "num_layers", "num_attention_heads", "num_transformer_submodules",
    ];

    // Names in lower case, as on disk: attention_output.
    private static readonly JsonSerializerOptions Json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>The settings of a method, those of a union's parts as <c>part.setting</c>.</summary>
    /// <param name="options">The method.</param>
    /// <param name="method">What its user wrote for it, by which a union's parts are called; null for the names of their methods.</param>
    public static IReadOnlyList<MethodSetting> Of(MethodOptions options, string? method = null)
    {
        if (options is not UnionOptions union) return Of(options.GetType());
        var names = UnionExpression.Names(union, method);
        var parts = names.SelectMany(
            (name, i) =>
                Of(union.Parts[i].GetType()).Where(s => s.Name != "modules_to_save")
                    .Select(s => new MethodSetting($"{name}.{s.Name}", s.Property, i)));
        return [.. parts, .. Of(options.GetType())];
    }

    /// <summary>What the parts of a union are called in settings, where its user wrote no names for them.</summary>
    public static IReadOnlyList<string> PartNames(UnionOptions union) => UnionExpression.Names(union, null);

    /// <summary>The settings of a type of methods.</summary>
    public static IReadOnlyList<MethodSetting> Of(Type options) =>
    [
        .. options.GetProperties()
            .Select(
                p =>
                    (
                        Property: p,
                        Name: p.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name
                            ?? p.GetCustomAttribute<SettingNameAttribute>()?.Name))
            .Where(p => p.Name is not null && p.Property.CanWrite && !Internal.Contains(p.Name))
            .OrderBy(p => p.Property.DeclaringType == typeof(MethodOptions))
            .Select(p => new MethodSetting(p.Name!, p.Property)),
    ];

    /// <summary>A setting's value as JSON.</summary>
    public static JsonNode? Value(MethodOptions options, MethodSetting setting) =>
        JsonSerializer.SerializeToNode(
            setting.Property.GetValue(setting.Part is { } part ? ((UnionOptions)options).Parts[part] : options),
            setting.Property.PropertyType, Json);

    /// <summary>A setting's value as it is shown, and given: lists as a,b.</summary>
    public static string Shown(MethodOptions options, MethodSetting setting) => Shown(Value(options, setting));

    /// <summary>A value as it is shown, and given: lists as a,b.</summary>
    public static string Shown(JsonNode? value) => value switch
    {
        null => "null",
        JsonArray { Count: > 0 } list when list.All(item => item is JsonValue) => string.Join(',', list),
        _ => value.ToJsonString(Json),
    };

    /// <summary>A copy of settings with some of them changed.</summary>
    /// <param name="options">Where to start: a method's defaults, or a preset.</param>
    /// <param name="method">The name that the user gave the method.</param>
    /// <param name="changes">JSON name to text: JSON, or a plain text.</param>
    /// <param name="where">Where they stand, for messages: "--set", or a recipe.</param>
    public static MethodOptions With(MethodOptions options, string method, IEnumerable<KeyValuePair<string, string>> changes, string where)
    {
        options = options with { };
        var known = Of(options.GetType());
        foreach (var (name, text) in changes)
        {
            if (options is UnionOptions union && WithPart(union, method, name, text, where) is { } changed)
            {
                options = changed;
                continue;
            }
            var setting = known.FirstOrDefault(s => s.Name == name) ?? throw new SettingsException(
                $"{where}: the method \"{method}\" has no setting \"{name}\"; "
                + $"{Nearest.Hint(name, Of(options, method).Select(s => s.Name))}{OwnList(options) ?? $"see \"peft methods {method}\"."}");
            setting.Property.SetValue(options, Parse(setting, text, method, where));
        }
        return options;
    }

    /// <summary>
    /// True if a method has a setting of a name; of a union, the name of a part alone stands for a mapping of its settings.
    /// </summary>
    internal static bool Knows(MethodOptions options, string method, string name)
    {
        if (Of(options.GetType()).Any(s => s.Name == name)) return true;
        if (options is not UnionOptions union) return false;
        var (part, setting) = Split(name);
        return UnionExpression.Find(union, method, part) is >= 0 and var at
            && (setting is null || Of(union.Parts[at].GetType()).Any(s => s.Name == setting));
    }

    // `peft methods` lists what the registry knows; a fusion of adapters is no method of its own there.
    internal static string? OwnList(MethodOptions options) => MethodRegistry.ByPeftType(options.PeftType) is null
        ? $"its settings are {string.Join(", ", Of(options.GetType()).Select(s => s.Name))}."
        : null;

    // A setting of a part, or a mapping of them; null where the name means no part.
    private static UnionOptions? WithPart(UnionOptions union, string method, string name, string text, string where)
    {
        var (part, setting) = Split(name);
        var at = UnionExpression.Find(union, method, part);
        if (at < 0) return null;
        IEnumerable<KeyValuePair<string, string>> changes = setting is not null ? [new(setting, text)]
            : AsMapping(text)
                ?? throw new SettingsException(
                    $"{where}: \"{name}\" is \"{text}\"; expected settings of that part, such as "
                    + $"{name}.{Of(union.Parts[at].GetType())[0].Name}=VALUE.");
        MethodOptions[] parts = [.. union.Parts];
        parts[at] = With(parts[at], UnionExpression.Names(union, method)[at], changes, where);
        return union with { Parts = parts };
    }

    private static (string Part, string? Setting) Split(string name) =>
        name.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot ? (name[..dot], name[(dot + 1)..]) : (name, null);

    private static List<KeyValuePair<string, string>>? AsMapping(string text) =>
        !IsJson(text) || JsonNode.Parse(text) is not JsonObject map ? null
        : [
            .. map.Select(
                pair =>
                    KeyValuePair.Create(
                        pair.Key,
                        pair.Value is JsonValue value && value.TryGetValue<string>(out var plain)
                            ? plain
                            : pair.Value?.ToJsonString() ?? "null")),
        ];

    private static object? Parse(MethodSetting setting, string text, string method, string where)
    {
        try
        {
            return JsonSerializer.Deserialize(AsJson(text, setting.Property.PropertyType), setting.Property.PropertyType, Json);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException or FormatException)
        {
            throw new SettingsException(
                $"{where}: the setting \"{setting.Name}\" of \"{method}\" is \"{text}\"; expected "
                + $"{Expected(setting.Property.PropertyType)}.");
        }
    }

    private static string AsJson(string text, Type type)
    {
        if (type == typeof(string)) return text is "null" ? text : JsonSerializer.Serialize(text.Trim('"'));
        if (type == typeof(bool) && bool.TryParse(text, out var flag)) return flag ? "true" : "false";
        if (IsList(type) && text is not "null" && !text.StartsWith('{') && !IsJsonList(text))
        {
            // Plain names are a list of names; anything else (a pattern, a keyword) is one text, as in peft. A shell takes the quotes of
            // ["a", "b"] away.
            var names = Values.List(text);
            if (type != typeof(Targets)) return IsOfNames(type) ? JsonSerializer.Serialize(names) : $"[{string.Join(',', names)}]";
            return names.All(n => n.All(c => char.IsLetterOrDigit(c) || c is '_' or '.'))
                ? JsonSerializer.Serialize(names)
                : JsonSerializer.Serialize(text);
        }
        return IsJson(text) ? text : JsonSerializer.Serialize(text);
    }

    private static bool IsList(Type type) =>
        type == typeof(Targets) || type == typeof(Layers) || type == typeof(TokenIndices)
            || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>));

    // Numbers stand without quotes.
    private static bool IsOfNames(Type list) =>
        list.IsGenericType && list.GetGenericArguments()[0] is { } item && (item == typeof(string) || item.IsEnum);

    private static bool IsJsonList(string text) => text.TrimStart().StartsWith('[') && IsJson(text);

    private static bool IsJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Expected(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain == typeof(int) || plain == typeof(long) ? "a whole number"
            : plain == typeof(double) || plain == typeof(float) ? "a number"
            : plain == typeof(bool) ? "true or false"
            : IsOfNames(plain) && plain.GetGenericArguments()[0] is { IsEnum: true } names
                ? $"a list of {string.Join(", ", Enum.GetNames(names).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName))}"
            : IsList(plain) ? "a list, such as a,b"
            : "another type of value (JSON)";
    }
}
