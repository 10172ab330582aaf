using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;

namespace PeftSharp.Runs.Autotuning.Structure;

/// <summary>The modules of an adapter that gates can close: LoRA's at each map, bottlenecks in each layer.</summary>
internal static class GatedPositions
{
    // A module's output is linear in its second map.
    private static readonly string[] Outer = ["lora_B.weight", "lora_B.bias", "adapter_up.weight", "adapter_up.bias"];

    /// <summary>True for settings whose modules can be gated: a closed gate leaves the base as it is.</summary>
    public static bool CanBeGated(MethodOptions options) => options switch
    {
        LoraOptions lora => lora is { UseDora: false, UseGating: false, StartsFromBase: false, Bias: "none", TrainableTokens: null },
        BottleneckOptions bottleneck => bottleneck is
        {
            Phm: false, Invertible: null, UseGating: false, TrainNorms: false, NormAfter: false, ResidualBeforeNorm: "true",
        },
        _ => false,
    };

    /// <summary>The positions of an attached adapter, in the order of its parts and of the model.</summary>
    public static IReadOnlyList<GatedPosition> Of(PeftMethod adapter)
    {
        IReadOnlyList<PeftMethod> parts = adapter is CompositeMethod union ? union.Parts : [adapter];
        return [.. parts.SelectMany((part, index) => Of(part, index, adapter.Host.Sites))];
    }

    private static IEnumerable<GatedPosition> Of(PeftMethod part, int index, SiteMap sites)
    {
        var own = part.Tensors.Where(t => t.Role == TensorRole.Trained);
        // A bottleneck's settings leave whole layers out; LoRA's name maps.
        var layers = sites.Branches.ToDictionary(b => b.Path, b => b.Layer);
        foreach (var group in own.GroupBy(t => part.Options is LoraOptions ? t.Path : $"{layers[t.Path]}"))
        {
            var first = group.First();
            var layer = part.Options is LoraOptions
                ? sites.Projections.Concat(sites.Parts).First(p => p.Path == first.Path).Layer
                : layers[first.Path];
            yield return new(index, first.Path, layer, group.Sum(t => t.Value.numel()), [.. group.Where(t => Outer.Contains(t.Local))]);
        }
    }
}
