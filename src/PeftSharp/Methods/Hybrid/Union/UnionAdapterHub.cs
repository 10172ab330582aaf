using System.Text.Json.Nodes;
using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Hybrid.Union;

/// <summary>A union as AdapterHub writes it: the configurations of its parts, and their tensors side by side.</summary>
internal sealed class UnionAdapterHub : CompositeHubLayout
{
    public override string? Refusal(MethodOptions options) =>
        ((UnionOptions)options).EffectiveParts.Select(p => p.Refusal(AdapterFormat.AdapterHub)).FirstOrDefault(r => r is not null);

    public override JsonObject Write(MethodOptions options)
    {
        var o = (UnionOptions)options;
        var json = (JsonObject?)o.Hub?.DeepClone() ?? new JsonObject { ["architecture"] = "union" };
        json["configs"] = new JsonArray([.. o.EffectiveParts.Select(p => p.ToAdapterHub())]);
        return json;
    }

    public override MethodOptions? Read(JsonObject config) => config["architecture"]?.ToString() != "union" ? null : new UnionOptions
    {
        Hub = config,
        Parts = [.. (config["configs"] as JsonArray ?? []).Select(c => Part(c as JsonObject))],
    };

    private static MethodOptions Part(JsonObject? config) => MethodRegistry.FromAdapterHub(
        (JsonObject?)config?.DeepClone() ?? throw new PeftException("UNION: \"configs\" holds an entry that is no object."),
        "adapter_config.json");
}
