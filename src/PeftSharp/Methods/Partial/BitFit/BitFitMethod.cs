using System.Text.Json.Serialization;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Partial.BitFit;

/// <summary>Settings of BitFit (Ben-Zaken et al. 2021, arXiv 2106.10199).</summary>
public sealed record BitFitOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "BITFIT";

    /// <summary>
    /// Two definitions are in use. True (default): every bias, and the head whole. False: every bias and no more, that is, every tensor
    /// with "bias" in its name, the head's own included.
    /// </summary>
    [JsonPropertyName("train_head")]
    public bool TrainHead { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate() { }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new BitFitMethod(name, this);
}

/// <summary>BitFit: trained copies stand in for every bias, norms' shifts included.</summary>
public sealed class BitFitMethod(string name, BitFitOptions options) : PeftMethod(name)
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
        foreach (var slot in host.Sites.Slots.Where(s => s.Kind is SlotKind.Bias or SlotKind.NormBias)) TrainCopy(slot);
        if (options.TrainHead) TrainHeadInPlace(host);
        TrainModules(options.ModulesToSave, head: false);
        if (Tensors.Count == 0) throw new PeftException("BITFIT: no map and no norm of the model has a bias to train; take lora, or ln-tuning for the norms' scales.");
    }

    private void TrainHeadInPlace(MethodHost host)
    {
        foreach (var slot in host.Sites.Slots)
            if (slot.Kind == SlotKind.Weight && host.HeadModules.Any(name => Targets.IsSavedModule(slot.Module, name))) TrainCopy(slot);
    }
}
