using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Additive.Prefix;

/// <summary>Prefix tuning as AdapterHub writes it: the network or the flat prefix, never what the network yields.</summary>
internal sealed class PrefixAdapterHub() : AdapterHubLayout("prefix_tunings", "prefix_gates")
{
    public override string? Refusal(MethodOptions options) => ((PrefixOptions)options).HubStyle ? null
        : "PREFIX_TUNING: peft's prefix moves positions and AdapterHub's does not, so it cannot be saved in the AdapterHub format; "
          + "save it in the peft format.";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor)
    {
        if (tensor.SavedModule) return null;
        return tensor.Path.Length == 0
            ? $"{adapter.Host.BasePrefix}prefix_tuning.prefix_tunings.{adapter.Name}.self_prefix.{tensor.Local}"
            : $"{tensor.Path}.prefix_tuning.prefix_gates.{adapter.Name}.{tensor.Local["gate.".Length..]}";
    }

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor)
    {
        if (tensor.SavedModule || tensor.Path.Length > 0) return base.ReferenceName(adapter, tensor);
        return $"{adapter.Host.Sites.Attentions[0].Path}.prefix_tuning.pool.prefix_tunings.{adapter.Name}.self_prefix.{tensor.Local}";
    }

    public override JsonObject Write(MethodOptions options)
    {
        var o = (PrefixOptions)options;
        var json = (JsonObject?)o.Hub?.DeepClone() ?? new JsonObject
        {
            ["architecture"] = "prefix_tuning",
            ["cross_prefix"] = true,
            ["encoder_prefix"] = true,
            ["init_weights_seed"] = null,
        };
        json["flat"] = !o.Projection;
        json["prefix_length"] = o.VirtualTokens;
        json["bottleneck_size"] = o.EncoderHidden ?? 512;
        json["non_linearity"] = o.NonLinearity;
        json["dropout"] = PythonNumber.Float(o.Dropout);
        json["use_gating"] = o.UseGating;
        json["shared_gating"] = o.SharedGating;
        json.Remove("gate_over_padding");
        if (o.GateOverPadding) json["gate_over_padding"] = true;
        json["leave_out"] = new JsonArray([.. o.LeaveOut.Select(l => (JsonNode)l)]);
        Literals.Keep(json, o.Hub);
        return json;
    }

    public override MethodOptions? Read(JsonObject config)
    {
        if (config["architecture"]?.ToString() != "prefix_tuning") return null;
        if (config["encoder_prefix"]?.GetValue<bool>() == false)
            throw new PeftException(
                "PREFIX_TUNING: \"encoder_prefix\" is false, which leaves an encoder without any prefix; only true is supported.");
        return new PrefixOptions
        {
            HubStyle = true,
            VirtualTokens = config["prefix_length"]?.GetValue<int>() ?? 30,
            Projection = !(config["flat"]?.GetValue<bool>() ?? false),
            EncoderHidden = config["bottleneck_size"]?.GetValue<int>() ?? 512,
            NonLinearity = config["non_linearity"]?.GetValue<string>() ?? "tanh",
            Dropout = config["dropout"]?.GetValue<double>() ?? 0,
            UseGating = config["use_gating"]?.GetValue<bool>() ?? false,
            SharedGating = config["shared_gating"]?.GetValue<bool>() ?? true,
            GateOverPadding = config["gate_over_padding"]?.GetValue<bool>() ?? false,
            LeaveOut = [.. (config["leave_out"] as JsonArray)?.Select(n => n!.GetValue<int>()) ?? []],
            Hub = config,
        };
    }
}
