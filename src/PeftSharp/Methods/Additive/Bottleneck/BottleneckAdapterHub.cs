using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>Bottleneck adapters as AdapterHub writes them.</summary>
internal sealed class BottleneckAdapterHub() : AdapterHubLayout("adapters", Shared, Invertible)
{
    private const string Shared = "shared_parameters", Invertible = "invertible_adapters";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor)
    {
        if (tensor.SavedModule) return null;
        if (tensor.Path == ((BottleneckMethod)adapter).InvertiblePath) return $"{tensor.Path}.{adapter.Name}.{tensor.Local}";
        return tensor.Path.Length > 0 ? base.Name(adapter, tensor) : $"{adapter.Host.BasePrefix}{Shared}.{adapter.Name}.{tensor.Local}";
    }

    // A norm before the bottleneck, and an activation with a slope, are registered twice there.
    public override bool MayLeaveOut(PeftMethod adapter, string key)
    {
        var options = (BottleneckOptions)adapter.Options;
        var activation = options.NormBefore ? ".adapter_down.2.f.weight" : ".adapter_down.1.f.weight";
        return options.NormBefore && key.Contains(".adapter_down.0.", StringComparison.Ordinal)
            || LearnedSlope.IsMeant(options.NonLinearity) && key.EndsWith(activation, StringComparison.Ordinal);
    }

    public override MethodOptions? Read(JsonObject config)
    {
        if (config["architecture"] is not null || config["reduction_factor"] is null) return null;
        bool Flag(string field, bool fallback) => config[field]?.GetValue<bool>() ?? fallback;
        var (factor, layers) = Factors(config["reduction_factor"]!);
        return BottleneckProducts.Read(config, new BottleneckOptions
        {
            AfterAttention = Flag("mh_adapter", false),
            AfterFeedForward = Flag("output_adapter", true),
            ReductionFactor = factor,
            LayerFactors = layers,
            NonLinearity = config["non_linearity"]?.GetValue<string>() ?? "relu",
            OriginalNormBefore = Flag("original_ln_before", false),
            OriginalNormAfter = Flag("original_ln_after", true),
            ResidualBeforeNorm = Word(config["residual_before_ln"]) ?? "true",
            AdapterResidualBeforeNorm = Flag("adapter_residual_before_ln", false),
            NormBefore = Flag("ln_before", false),
            NormAfter = Flag("ln_after", false),
            InitWeights = config["init_weights"]?.GetValue<string>() ?? "bert",
            IsParallel = Flag("is_parallel", false),
            Scaling = Word(config["scaling"]) ?? "1",
            UseGating = Flag("use_gating", false),
            GateOverPadding = Flag("gate_over_padding", false),
            Dropout = config["dropout"]?.GetValue<double>() ?? 0,
            TrainNorms = Flag("train_norms", false),
            Size = config["bottleneck_size"]?.GetValue<int>(),
            LeaveOut = [.. (config["leave_out"] as JsonArray)?.Select(n => n!.GetValue<int>()) ?? []],
            AfterCrossAttention = Flag("cross_adapter", false),
            StochasticDepth = config["stochastic_depth"]?.GetValue<double>() ?? 0,
            Invertible = config["inv_adapter"]?.GetValue<string>(),
            InvertibleFactor = config["inv_adapter_reduction_factor"]?.GetValue<double>(),
            Hub = config,
        });
    }

    public override JsonObject Write(MethodOptions options)
    {
        var o = (BottleneckOptions)options;
        var json = (JsonObject?)o.Hub?.DeepClone() ?? Defaults();
        json["mh_adapter"] = o.AfterAttention;
        json["output_adapter"] = o.AfterFeedForward;
        json["reduction_factor"] = o.LayerFactors is { Count: > 0 } map
            ? FactorMap(map, o.ReductionFactor)
            : PythonNumber.Any(o.ReductionFactor);
        json["non_linearity"] = o.NonLinearity;
        json["original_ln_before"] = o.OriginalNormBefore;
        json["original_ln_after"] = o.OriginalNormAfter;
        json["residual_before_ln"] = o.ResidualBeforeNorm switch { "true" => true, "false" => false, var text => text };
        json["adapter_residual_before_ln"] = o.AdapterResidualBeforeNorm;
        json["ln_before"] = o.NormBefore;
        json["ln_after"] = o.NormAfter;
        json["init_weights"] = o.InitWeights;
        json["is_parallel"] = o.IsParallel;
        json["use_gating"] = o.UseGating;
        json["dropout"] = PythonNumber.Float(o.Dropout);
        json["leave_out"] = new JsonArray([.. o.LeaveOut.Select(l => (JsonNode)l)]);
        json["cross_adapter"] = o.AfterCrossAttention;
        json["stochastic_depth"] = PythonNumber.Float(o.StochasticDepth);
        json["inv_adapter"] = o.Invertible;
        json["inv_adapter_reduction_factor"] = o.InvertibleFactor is { } inner ? PythonNumber.Any(inner) : null;
        BottleneckProducts.Write(json, o);
        Literals.Keep(json, o.Hub);
        // Always a float: AdapterHub's loader takes a whole number for no scaling that it knows.
        json["scaling"] = o.FixedScaling is { } number ? PythonNumber.Float(number) : o.Scaling;
        // Ours: AdapterHub ignores fields that it does not know.
        json.Remove("gate_over_padding");
        if (o.GateOverPadding) json["gate_over_padding"] = true;
        if (o.TrainNorms) json["train_norms"] = true;
        if (o.Size is not null) json["bottleneck_size"] = o.Size;
        return json;
    }

    // The fields of AdapterHub's own settings that mean nothing here.
    private static JsonObject Defaults() => (JsonObject)JsonNode.Parse(
        """
        { "hypercomplex_nonlinearity": "glorot-uniform", "init_weights_seed": null }
        """)!;

    private static JsonObject FactorMap(IReadOnlyDictionary<int, double> layers, double fallback)
    {
        var map = new JsonObject();
        foreach (var (layer, factor) in layers) map[layer.ToString(CultureInfo.InvariantCulture)] = PythonNumber.Any(factor);
        map["default"] = PythonNumber.Any(fallback);
        return map;
    }

    private static (double Factor, IReadOnlyDictionary<int, double>? Layers) Factors(JsonNode node)
    {
        if (node is not JsonObject map) return (node.GetValue<double>(), null);
        var layers = map.Where(p => p.Key != "default")
            .ToDictionary(p => int.Parse(p.Key, CultureInfo.InvariantCulture), p => p.Value!.GetValue<double>());
        return (map["default"]?.GetValue<double>() ?? 16, layers);
    }

    private static string? Word(JsonNode? node) => node?.GetValueKind() switch
    {
        null => null,
        JsonValueKind.String => node.GetValue<string>(),
        _ => node.ToJsonString(),
    };
}
