using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>LoRA's settings as AdapterHub writes them.</summary>
internal static class LoraAdapterHub
{
    private static readonly (string Name, ProjectionRole Role)[] Attention =
        [("q", ProjectionRole.Query), ("k", ProjectionRole.Key), ("v", ProjectionRole.Value)];

    public static MethodOptions? Read(JsonObject config)
    {
        if (config["architecture"]?.ToString() != "lora" || config["composition_mode"]?.ToString() != "add") return null;
        if (config["use_dora"]?.GetValue<bool>() == true || config["vera_d"] is not null || config["vera_b"] is not null) return null;
        var roles = new List<ProjectionRole>();
        if (config["selfattn_lora"]?.GetValue<bool>() ?? true)
            foreach (var matrix in (config["attn_matrices"] as JsonArray)?.Select(m => m!.ToString()) ?? ["q", "v"])
                roles.Add(Attention.FirstOrDefault(a => a.Name == matrix) is { Name: not null } found
                    ? found.Role : throw new PeftException($"LORA: \"attn_matrices\" names \"{matrix}\"; known are q, k and v."));
        if (config["intermediate_lora"]?.GetValue<bool>() == true) roles.Add(ProjectionRole.Intermediate);
        if (config["output_lora"]?.GetValue<bool>() == true) roles.Add(ProjectionRole.FeedForwardOutput);
        return new LoraOptions
        {
            Rank = config["r"]?.GetValue<int>() ?? 8,
            Alpha = config["alpha"]?.GetValue<double>() ?? 8,
            Dropout = config["dropout"]?.GetValue<double>() ?? 0,
            UseGating = config["use_gating"]?.GetValue<bool>() ?? false,
            GateOverPadding = config["gate_over_padding"]?.GetValue<bool>() ?? false,
            Roles = roles,
            LeaveOut = [.. (config["leave_out"] as JsonArray)?.Select(n => n!.GetValue<int>()) ?? []],
            Hub = config,
        };
    }

    public static JsonObject Write(LoraOptions options)
    {
        var roles = options.Roles ?? (options.TargetModules is null ? [ProjectionRole.Query, ProjectionRole.Value]
            : throw new PeftException("LORA: AdapterHub names matrices by role (q, k, v, intermediate, output), not by module; save in the peft format."));
        if (options.UseDora || options.UseRsLora || options.Bias != "none" || options.LoraBias || options.RankPattern is { Count: > 0 } || options.AlphaPattern is { Count: > 0 }
            || options.TrainableTokens is not null || options.LayersToTransform is { Indices.Count: > 0 } || (options.Roles is null && options.ExcludeModules is not null))
            throw new PeftException("LORA: AdapterHub's format has no place for DoRA, rsLoRA, biases, patterns, a choice of layers, exclusions or trained tokens; save in the peft format.");
        var json = (JsonObject?)options.Hub?.DeepClone() ?? new JsonObject
        {
            ["architecture"] = "lora",
            ["composition_mode"] = "add",
            ["dtype"] = null,
            ["init_weights"] = "lora",
            ["init_weights_seed"] = null,
            ["vera_b"] = null,
            ["vera_d"] = null,
        };
        json["r"] = options.Rank;
        json["alpha"] = PythonNumber.Any(options.Alpha);
        json["dropout"] = PythonNumber.Float(options.Dropout);
        json["use_gating"] = options.UseGating;
        json.Remove("gate_over_padding");
        if (options.GateOverPadding) json["gate_over_padding"] = true;
        json["leave_out"] = new JsonArray([.. options.LeaveOut.Select(l => (JsonNode)l)]);
        json["attn_matrices"] = new JsonArray([.. Attention.Where(a => roles.Contains(a.Role)).Select(a => (JsonNode)a.Name)]);
        json["selfattn_lora"] = Attention.Any(a => roles.Contains(a.Role));
        json["intermediate_lora"] = roles.Contains(ProjectionRole.Intermediate);
        json["output_lora"] = roles.Contains(ProjectionRole.FeedForwardOutput);
        Literals.Keep(json, options.Hub);
        return json;
    }
}
