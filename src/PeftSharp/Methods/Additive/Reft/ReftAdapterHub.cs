using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Additive.Reft;

/// <summary>Representation fine-tuning as AdapterHub writes it.</summary>
internal sealed class ReftAdapterHub() : AdapterHubLayout("refts")
{
    // AdapterHub leaves this one out, and reads its own DiReFT back as NoReFT: it is written where it says something, and then AdapterHub
    // takes it.
    private const string Subtract = "subtract_projection";

    public override MethodOptions? Read(JsonObject config)
    {
        if (config["architecture"]?.ToString() != "reft") return null;
        if (config["output_reft"]?.GetValue<bool>() == false)
            throw new PeftException("REFT: \"output_reft\" is false; only true is supported.");
        return new ReftOptions
        {
            Layers = config["layers"] is JsonArray list ? new([.. list.Select(n => n!.GetValue<int>())]) : null,
            PrefixPositions = config["prefix_positions"]?.GetValue<int>() ?? 3,
            SuffixPositions = config["suffix_positions"]?.GetValue<int>() ?? 0,
            Rank = config["r"]?.GetValue<int>() ?? 1,
            Orthogonal = config["orthogonality"]?.GetValue<bool>() ?? true,
            SubtractProjection = config[Subtract]?.GetValue<bool>() ?? true,
            TiedWeights = config["tied_weights"]?.GetValue<bool>() ?? false,
            NonLinearity = config["non_linearity"]?.GetValue<string>(),
            Dropout = config["dropout"]?.GetValue<double>() ?? 0.05,
            Hub = config,
        };
    }

    public override JsonObject Write(MethodOptions options)
    {
        var o = (ReftOptions)options;
        var json = (JsonObject?)o.Hub?.DeepClone() ?? new JsonObject
        {
            ["architecture"] = "reft",
            ["dtype"] = null,
            ["init_weights_seed"] = null,
            ["output_reft"] = true,
        };
        json["layers"] = o.Layers is { } layers ? new JsonArray([.. layers.Indices.Select(l => (JsonNode)l)]) : "all";
        json["prefix_positions"] = o.PrefixPositions;
        json["suffix_positions"] = o.SuffixPositions;
        json["r"] = o.Rank;
        json["orthogonality"] = o.Orthogonal;
        json["tied_weights"] = o.TiedWeights;
        json["non_linearity"] = o.NonLinearity;
        json["dropout"] = PythonNumber.Float(o.Dropout);
        if (!o.SubtractProjection || o.Hub?.ContainsKey(Subtract) == true) json[Subtract] = o.SubtractProjection;
        Literals.Keep(json, o.Hub);
        return json;
    }
}
