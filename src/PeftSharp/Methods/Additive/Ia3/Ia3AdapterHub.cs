using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Ia3;

/// <summary>(IA)³ as AdapterHub writes it: a LoRA of rank 1 that scales instead of adding.</summary>
internal sealed class Ia3AdapterHub() : AdapterHubLayout("loras")
{
    private static readonly (string Name, ProjectionRole Role)[] Attention =
        [("q", ProjectionRole.Query), ("k", ProjectionRole.Key), ("v", ProjectionRole.Value)];

    public static readonly IReadOnlyList<ProjectionRole> Roles = [ProjectionRole.Key, ProjectionRole.Value, ProjectionRole.Intermediate];

    public override string? Refusal(MethodOptions options) => ((Ia3Options)options).Roles is not null ? null
        : "IA3: peft scales what the feed-forward block's second map reads and AdapterHub what its first map yields, so the adapter "
            + "cannot be saved "
          + "in the AdapterHub format; save it in the peft format.";

    protected override string Local(AdapterTensor tensor) => "lora_B";

    public override IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter) =>
        ((Ia3Method)adapter).Parts?.Join(base.Write(adapter)) ?? base.Write(adapter);

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        if (((Ia3Method)adapter).Parts is not { } parts)
        {
            base.Read(adapter, saved, file);
            return;
        }
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        // Here the message can still name the tensor that stands in the file.
        foreach (var (key, value) in Write(adapter)) SavedTensor.Require(saved, key, value.shape, file);
        base.Read(adapter, parts.Split(saved), file);
    }

    public override MethodOptions? Read(JsonObject config)
    {
        if (config["architecture"]?.ToString() != "lora" || config["composition_mode"]?.ToString() != "scale") return null;
        Require(config["r"]?.GetValue<int>() ?? 1, 1, "r");
        Require(config["alpha"]?.GetValue<double>() ?? 1, 1, "alpha");
        Require(config["dropout"]?.GetValue<double>() ?? 0, 0, "dropout");
        if (config["use_gating"]?.GetValue<bool>() == true)
            throw new PeftException("IA3: \"use_gating\" is true; (IA)³ with a gate is not supported.");
        var roles = new List<ProjectionRole>();
        if (config["selfattn_lora"]?.GetValue<bool>() ?? true)
            foreach (var matrix in (config["attn_matrices"] as JsonArray)?.Select(m => m!.ToString()) ?? ["k", "v"])
                roles.Add(Role(matrix));
        if (config["intermediate_lora"]?.GetValue<bool>() ?? true) roles.Add(ProjectionRole.Intermediate);
        if (config["output_lora"]?.GetValue<bool>() == true) roles.Add(ProjectionRole.FeedForwardOutput);
        return new Ia3Options
        {
            Roles = roles,
            LeaveOut = [.. (config["leave_out"] as JsonArray)?.Select(n => n!.GetValue<int>()) ?? []],
            Hub = config,
        };
    }

    public override JsonObject Write(MethodOptions settings)
    {
        var options = (Ia3Options)settings;
        var roles = options.Roles ?? [];
        var json = (JsonObject?)options.Hub?.DeepClone() ?? new JsonObject
        {
            ["architecture"] = "lora",
            ["composition_mode"] = "scale",
            ["r"] = 1,
            ["alpha"] = 1,
            ["dropout"] = PythonNumber.Float(0),
            ["dtype"] = null,
            ["init_weights"] = "ia3",
            ["init_weights_seed"] = null,
            ["use_gating"] = false,
            ["vera_b"] = null,
            ["vera_d"] = null,
        };
        json["leave_out"] = new JsonArray([.. options.LeaveOut.Select(l => (JsonNode)l)]);
        json["attn_matrices"] = new JsonArray([.. Attention.Where(a => roles.Contains(a.Role)).Select(a => (JsonNode)a.Name)]);
        json["selfattn_lora"] = Attention.Any(a => roles.Contains(a.Role));
        json["intermediate_lora"] = roles.Contains(ProjectionRole.Intermediate);
        json["output_lora"] = roles.Contains(ProjectionRole.FeedForwardOutput);
        Literals.Keep(json, options.Hub);
        return json;
    }

    private static ProjectionRole Role(string matrix) => Attention.FirstOrDefault(a => a.Name == matrix) is { Name: not null } found
        ? found.Role : throw new PeftException($"IA3: \"attn_matrices\" names \"{matrix}\"; known are q, k and v.");

    private static void Require(double found, double expected, string field)
    {
        if (found != expected)
            throw new PeftException(
                $"IA3: \"{field}\" is {PythonNumber.AnyText(found)}; only {expected} is supported where \"composition_mode\" "
                + "is \"scale\".");
    }
}
