using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Runs;

/// <summary>How the forward pass runs in training.</summary>
public sealed record ForwardOptions
{
    /// <summary>True (default) keeps the frozen base's own dropout on, as Hugging Face does; false is faster.</summary>
    public bool BaseDropout { get; init; } = true;

    /// <summary>
    /// So many lowest layers run without the base's own dropout, which makes a run equal to one whose trunk is cached
    /// (<see cref="Trunk.TrunkPlan.LayersWithoutDropout"/>); 0 (default) for none.
    /// </summary>
    public int LayersWithoutDropout { get; init; }

    /// <summary>True recomputes each layer's activations in the backward pass: less memory, more time; default false.</summary>
    public bool Checkpointing { get; init; }

    /// <summary>A call of a training step.</summary>
    internal ForwardContext Call(AdapterSelection selection, StepState step) => new()
    {
        Selection = selection,
        Training = true,
        Step = step,
        Seed = step.Seed,
        BaseDropout = BaseDropout,
        LayersWithoutDropout = LayersWithoutDropout,
        Checkpointing = Checkpointing,
    };
}
