using PeftSharp.Sites;

namespace PeftSharp.Methods.Partial.BitFit;

/// <summary>BitFit: trained copies stand in for every bias, norms' shifts included, or for those of chosen components.</summary>
internal sealed class BitFitMethod(string name, BitFitOptions options) : PeftMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "bitfit",
        Family = MethodFamily.Partial,
        PeftType = "BITFIT",
        Paper = "Ben-Zaken et al. 2021, arXiv 2106.10199",
        Sites = "slots",
        Summary = "Only biases are trained (and the head, unless told otherwise).",
        Formula = "y = W·x + b and norm(x) = g ⊙ x̂ + c, every b and c trained",
        OptionsType = typeof(BitFitOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        var chosen = host.Sites.Slots.Where(s => s.Kind is SlotKind.Bias or SlotKind.NormBias).Where(s => IsWanted(s, host.Sites)).ToList();
        if (options.Components is { } components && chosen.Count == 0)
        {
            throw new PeftException(
                $"BITFIT: the model has no biases of {string.Join(", ", components)}: its linear maps and norms have none there; "
                + "name other components, or take ln-tuning or lora.");
        }
        foreach (var slot in chosen) TrainCopy(slot);
        if (options.TrainHead) TrainHeadInPlace(host);
        TrainModules(options.ModulesToSave, head: false);
        if (Tensors.Count == 0)
            throw new PeftException(
                "BITFIT: no map and no norm of the model has a bias to train; take lora, or ln-tuning for the norms' scales.");
    }

    private bool IsWanted(Slot slot, SiteMap sites)
    {
        if (options.Components is not { } components) return true;
        if (slot.Kind == SlotKind.NormBias) return components.Contains("norm");
        var role = sites.Projections.FirstOrDefault(p => p.Bias == slot)?.Role;
        if (role == ProjectionRole.Fused) return IsFusedWanted(slot, components);
        // The head's own biases go with the head.
        return role == ProjectionRole.Head ? options.TrainHead : Component(role) is { } component && components.Contains(component);
    }

    // One bias serves queries, keys and values: all or none.
    private static bool IsFusedWanted(Slot slot, IReadOnlyList<string> components)
    {
        string[] parts = ["query", "key", "value"];
        var named = parts.Count(components.Contains);
        if (named is 0 or 3) return named == 3;
        throw new PeftException(
            $"BITFIT: \"{slot.Name}\" is one bias for queries, keys and values; name all three in \"components\", or none of them.");
    }

    private static string? Component(ProjectionRole? role) => role switch
    {
        ProjectionRole.Query => "query",
        ProjectionRole.Key => "key",
        ProjectionRole.Value => "value",
        ProjectionRole.AttentionOutput => "attention_output",
        ProjectionRole.Intermediate or ProjectionRole.Gate => "intermediate",
        ProjectionRole.FeedForwardOutput => "output",
        ProjectionRole.Pooler => "pooler",
        _ => null,
    };

    private void TrainHeadInPlace(MethodHost host)
    {
        foreach (var slot in host.Sites.Slots)
            if (slot.Kind == SlotKind.Weight && host.HeadModules.Any(name => Targets.IsSavedModule(slot.Module, name))) TrainCopy(slot);
    }
}
