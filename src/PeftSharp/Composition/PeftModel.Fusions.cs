using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Composition;

public sealed partial class PeftModel
{
    /// <summary>
    /// Adds a fusion of adapters (AdapterFusion), to be trained next: an attention over what they add, with a head of its own.
    /// </summary>
    /// <param name="adapters">Names of bottleneck adapters of this model, two at least; the order is part of the fusion.</param>
    /// <param name="options">The fusion's settings; default: AdapterHub's <c>dynamic</c>.</param>
    /// <param name="name">Its name; default: those of the adapters, with commas between.</param>
    /// <param name="seed">Seed of start values; default 42.</param>
    /// <param name="outputs">Outputs of the fusion's own head; null (default) for as many as the base's.</param>
    /// <exception cref="PeftException">
    /// There is no such adapter, they cannot be fused, or the name is taken; nothing is changed then.
    /// </exception>
    public FusionMethod AddFusion(
        IReadOnlyList<string> adapters, FusionOptions? options = null, string? name = null, ulong seed = 42, int? outputs = null) =>
        AddFusion([.. adapters.Select(Compose)], options, name, seed, outputs);

    /// <summary>The same for adapters and stacks of adapters.</summary>
    /// <inheritdoc cref="AddFusion(IReadOnlyList{string}, FusionOptions?, string?, ulong, int?)"/>
    public FusionMethod AddFusion(
        IReadOnlyList<AdapterComposition> adapters, FusionOptions? options = null, string? name = null, ulong seed = 42,
            int? outputs = null) =>
        (FusionMethod)Add(Ready(options ?? new(), adapters), name ?? FusionName(adapters), seed, outputs);

    /// <summary>
    /// A fusion of some of a fusion's adapters, with a copy of its tensors: what is left shares the attention. The fusion itself stays as
    /// it is.
    /// </summary>
    /// <param name="fusion">The fusion.</param>
    /// <param name="keep">Names of the adapters that stay, two at least.</param>
    /// <param name="name">The new fusion's name; default: those of the adapters, with commas between.</param>
    /// <exception cref="PeftException">One of the names is not among the fused, or the new name is taken.</exception>
    public FusionMethod PruneFusion(FusionMethod fusion, IReadOnlyList<string> keep, string? name = null)
    {
        fusion.RequireAttached();
        if (keep.FirstOrDefault(one => !fusion.FusedNames.Contains(one)) is { } stranger)
            throw new PeftException($"The fusion \"{fusion.Name}\" fuses {string.Join(", ", fusion.FusedNames)}, and not \"{stranger}\".");
        var rest = fusion.Fused.Where(child => keep.Contains(child.Last.Name)).ToList();
        var pruned = AddFusion(rest, (FusionOptions)fusion.Options, name, outputs: fusion.Tag.Outputs);
        using var guard = no_grad();
        foreach (var (tensor, from) in pruned.Tensors.Zip(fusion.Tensors)) tensor.Value.copy_(from.Value);
        pruned.Card = fusion.Card;
        return pruned;
    }

    /// <summary>The fusion of exactly these adapters in this order.</summary>
    /// <exception cref="PeftException">There is none.</exception>
    internal FusionMethod FusionOf(IReadOnlyList<AdapterComposition> adapters)
    {
        AdapterComposition.FuseOf(new AdapterTag("fusion"), adapters);
        var last = adapters.Select(adapter => adapter.Last).ToList();
        return Adapters.Values.OfType<FusionMethod>().FirstOrDefault(fusion => fusion.Fused.Select(child => child.Last).SequenceEqual(last))
            ?? throw new PeftException($"There is no fusion of {FusionName(adapters)} in this order; add one with AddFusion, or load one.");
    }

    internal static string FusionName(IReadOnlyList<AdapterComposition> adapters) =>
        string.Join(",", adapters.Select(adapter => adapter.Last.Name));

    /// <summary>Settings that know what is fused.</summary>
    /// <exception cref="PeftException">What is named cannot be fused.</exception>
    internal FusionOptions Ready(FusionOptions options, IReadOnlyList<AdapterComposition> adapters)
    {
        AdapterComposition.FuseOf(new AdapterTag("fusion"), adapters);
        var trained = Model.SavedModules;
        foreach (var tag in adapters.SelectMany(adapter => adapter.Adapters))
            foreach (var (module, seam) in Model.Sites.ActiveAt(tag))
                if (Model.Sites.Branches.All(site => site.Path != module) && !trained.Any(name => Targets.IsSavedModule(module, name)))
                    throw new PeftException(
                        $"The adapter \"{tag.Name}\" acts at {seam}, which no fusion reaches; fuse adapters that act at residual "
                        + "branches alone.");
        var dropout = Model.Config.Json["attention_probs_dropout_prob"] is System.Text.Json.Nodes.JsonValue value
            && value.TryGetValue<double>(out var p) ? p : 0;
        return options with { Fused = adapters, ModelDropout = dropout };
    }
}
