using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Files.Json;

namespace PeftSharp.Formats;

/// <summary>What kind of value each setting of AdapterHub has: checked before any of them is read.</summary>
internal static class AdapterHubKinds
{
    private const int MostItems = 10_000;

    private static readonly HashSet<string> Flags =
    [
        "mh_adapter", "output_adapter", "cross_adapter", "original_ln_before", "original_ln_after", "ln_before", "ln_after",
        "adapter_residual_before_ln",
        "is_parallel", "use_gating", "phm_layer", "shared_W_phm", "shared_phm_rule", "factorized_phm_W", "factorized_phm_rule", "learn_phm",
        "phm_bias",
        "selfattn_lora", "intermediate_lora", "output_lora", "use_dora", "flat", "cross_prefix", "encoder_prefix", "shared_gating",
        "train_norms",
        "orthogonality", "tied_weights", "subtract_projection", "output_reft",
    ];

    private static readonly HashSet<string> Texts =
    [
        "architecture", "non_linearity", "init_weights", "composition_mode", "phm_c_init", "hypercomplex_nonlinearity", "dtype", "combine",
        "prompt_init",
        "prompt_init_text", "inv_adapter",
    ];

    private static readonly HashSet<string> Counts =
        ["r", "prefix_length", "bottleneck_size", "prompt_length", "prefix_positions", "suffix_positions", "phm_dim", "phm_rank"];

    private static readonly HashSet<string> Numbers =
        ["alpha", "dropout", "stochastic_depth", "inv_adapter_reduction_factor", "phm_init_range"];

    // Fields without a kind to check here: those above that have several, a seed of random starts, what the readers refuse if it is set.
    private static readonly HashSet<string> Others =
    [
        "attn_matrices", "leave_out", "layers", "reduction_factor", "scaling", "residual_before_ln", "configs", "gate_over_padding",
        "init_weights_seed", "vera_b", "vera_d",
    ];

    // Methods of AdapterHub's own; the fields of others are theirs. Null is a bottleneck.
    private static readonly HashSet<string?> Architectures = [null, "lora", "prefix_tuning", "prompt_tuning", "reft", "union"];

    /// <summary>Fields of AdapterHub's methods, parts of a union included, that nothing here asks for.</summary>
    /// <param name="config">The <c>config</c> object, checked.</param>
    public static IEnumerable<KeyValuePair<string, JsonNode?>> Unknown(JsonObject config)
    {
        if (!Architectures.Contains(config["architecture"]?.GetValue<string>())) return [];
        var own = config.Where(field => !IsKnown(field.Key));
        return config["configs"] is JsonArray parts ? own.Concat(parts.OfType<JsonObject>().SelectMany(Unknown)) : own;
    }

    private static bool IsKnown(string name) =>
        Flags.Contains(name) || Texts.Contains(name) || Counts.Contains(name) || Numbers.Contains(name) || Others.Contains(name);

    /// <summary>Refuses a value of the wrong kind; null is allowed wherever a field may be left out.</summary>
    /// <param name="source">The document.</param>
    /// <param name="config">The <c>config</c> object.</param>
    /// <param name="path">Where it stands in the document.</param>
    /// <exception cref="PeftException">A value is of another kind; the message names it.</exception>
    public static void Check(JsonSource source, JsonObject config, string path)
    {
        var fields = new JsonFields(source, config, path);
        foreach (var (name, value) in config)
        {
            if (value is null) continue;
            if (Flags.Contains(name)) _ = fields.Flag(name);
            else if (Texts.Contains(name)) _ = fields.Text(name);
            else if (Counts.Contains(name)) _ = fields.Int(name);
            else if (Numbers.Contains(name)) _ = fields.Number(name);
            else if (name == "attn_matrices") _ = fields.Texts(name);
            else if (name == "leave_out") Layers(fields, name, value);
            else if (name == "layers" && value.GetValueKind() == JsonValueKind.String) RequireAll(fields, name, value);
            else if (name == "layers") Layers(fields, name, value);
            else if (name == "reduction_factor") Factors(source, fields, name, value, path);
            else if (name == "scaling" && !(IsFinite(value) || value.GetValueKind() == JsonValueKind.String))
                throw fields.Wrong(name, value, "a number, \"learned\" or \"channel\"");
            else if (
                name == "residual_before_ln"
                    && value.GetValueKind() is not (JsonValueKind.True or JsonValueKind.False or JsonValueKind.String))
                throw fields.Wrong(name, value, "true, false or \"post_add\"");
            else if (name == "configs") Parts(source, fields, value, path);
        }
    }

    private static void Layers(JsonFields fields, string name, JsonNode value)
    {
        if (value is not JsonArray { Count: <= MostItems } list) throw fields.Wrong(name, value, $"a list of at most {MostItems} layers");
        for (var i = 0; i < list.Count; i++)
            if (list[i] is not JsonValue item || !item.TryGetValue<int>(out _))
                throw fields.Wrong($"{name}[{i}]", list[i], "the number of a layer");
    }

    private static void RequireAll(JsonFields fields, string name, JsonNode value)
    {
        if (value.GetValue<string>() != "all") throw fields.Wrong(name, value, "\"all\" or a list of layers");
    }

    private static void Factors(JsonSource source, JsonFields fields, string name, JsonNode value, string path)
    {
        if (IsFinite(value)) return;
        if (value is not JsonObject { Count: <= MostItems } map) throw fields.Wrong(name, value, "a number, or numbers by layer");
        var inner = new JsonFields(source, map, $"{path}.{name}");
        foreach (var (layer, factor) in map)
        {
            if (!IsFinite(factor)) throw inner.Wrong(layer, factor, "a number");
            if (layer != "default" && !int.TryParse(layer, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                throw inner.Wrong(layer, factor, "numbers under numbers of layers or \"default\"");
        }
    }

    private static void Parts(JsonSource source, JsonFields fields, JsonNode value, string path)
    {
        if (value is not JsonArray { Count: <= 100 } parts) throw fields.Wrong("configs", value, "a list of at most 100 methods");
        for (var i = 0; i < parts.Count; i++)
            Check(source, parts[i] as JsonObject ?? throw fields.Wrong($"configs[{i}]", parts[i], "an object"), $"{path}.configs[{i}]");
    }

    private static bool IsFinite(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<double>(out var number) && double.IsFinite(number);
}
