using PeftSharp.Hub;
using PeftSharp.Models;
using PeftSharp.Runs.Proof;

namespace PeftSharp.Runs;

/// <summary>How a model and its adapter are loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>In which precision frozen weights are kept and multiplied; float32 by default.</summary>
    public ComputeType Compute { get; init; } = ComputeType.Float32;

    /// <summary>Where weights live and products run: <c>cpu</c> (default), <c>cuda</c> or <c>cuda:1</c> …, <c>mps</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>
    /// True unpacks 4-bit weights, for a merge: to pack a merged weight again would round the update away. Default false.
    /// </summary>
    public bool Dense { get; init; }

    /// <summary>
    /// So many of the lowest layers go without adapters (AdapterDrop, Rücklé et al. 2021, arXiv 2010.11918): faster, and as good as the
    /// adapter was trained for it. Default 0.
    /// </summary>
    public int DropLayers { get; init; }

    /// <summary>What is done where a folder's proof says that base, adapter or tokenizer are others. Default: they are refused.</summary>
    public ProofUse Proof { get; init; } = ProofUse.Refuse;

    /// <summary>
    /// Hears, a sentence each, what a proof says against it where <see cref="Proof"/> is <see cref="ProofUse.Warn"/>. Default: nobody.
    /// </summary>
    public Action<string>? Warn { get; init; }

    /// <summary>
    /// Server and cache of models that are named <c>owner/name</c>; null (default) for those of the environment (<c>HF_ENDPOINT</c>,
    /// <c>HF_HUB_CACHE</c>, <c>HF_TOKEN</c>).
    /// </summary>
    public HubSettings? Hub { get; init; }

    /// <summary>What messages call the way past a proof; null names none.</summary>
    public string? ProofName { get; init; } = "LoadOptions.Proof = ProofUse.Warn";
}
