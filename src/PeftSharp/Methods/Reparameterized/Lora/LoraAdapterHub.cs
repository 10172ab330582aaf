using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>LoRA as AdapterHub writes it: matrices by role; the updates of maps that share a tensor below each other.</summary>
internal sealed class LoraAdapterHub() : AdapterHubLayout("loras")
{
    private static readonly (string Name, ProjectionRole Role)[] Attention =
        [("q", ProjectionRole.Query), ("k", ProjectionRole.Key), ("v", ProjectionRole.Value)];

    public override string? Refusal(MethodOptions options)
    {
        var o = (LoraOptions)options;
        if (o.Roles is null && o.TargetModules is not null)
            return "LORA: AdapterHub names matrices by role (q, k, v, intermediate, output), not by module; save in the peft format.";
        return HasNoPlace(o)
            ? "LORA: AdapterHub's format has no place for DoRA, rsLoRA, LoRA-FA, starts from weights or data, restarts, biases, patterns, "
              + "a choice of layers, exclusions or trained tokens; save in the peft format."
            : null;
    }

    private static bool HasNoPlace(LoraOptions o) =>
        o.StartsFromBase || o.FreezeA || o.Restarts > 0 || o.InitText == "eva" || o.UseDora || o.UseRsLora || o.Bias != "none" || o.LoraBias
        || o.RankPattern is { Count: > 0 } || o.AlphaPattern is { Count: > 0 } || o.TrainableTokens is not null
        || o.LayersToTransform is { Indices.Count: > 0 } || (o.Roles is null && o.ExcludeModules is not null);

    protected override string Local(AdapterTensor tensor) => tensor.Local switch
    {
        "lora_A.weight" => "lora_A",
        "lora_B.weight" => "lora_B",
        var local => local,
    };

    public override IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter) =>
        ((LoraMethod)adapter).Parts?.Join(base.Write(adapter)) ?? base.Write(adapter);

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file) =>
        base.Read(adapter, ((LoraMethod)adapter).Parts?.Split(saved) ?? saved, file);

    public override MethodOptions? Read(JsonObject config)
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

    public override JsonObject Write(MethodOptions settings)
    {
        var options = (LoraOptions)settings;
        var roles = options.Roles ?? [ProjectionRole.Query, ProjectionRole.Value];
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
