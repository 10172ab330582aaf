using PeftSharp.Models.Heads;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>How to load a model.</summary>
public sealed record ModelOptions
{
    /// <summary>The task; null takes what the checkpoint's <c>architectures</c> says, or plain embeddings.</summary>
    public TaskKind? Task { get; init; }

    /// <summary>Class names, or null to take those of the configuration.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>How a sequence becomes one vector; default: the model's pooler, as Hugging Face does.</summary>
    public Pooling Pooling { get; init; } = Pooling.Pooler;

    /// <summary>Element type of weights and arithmetic: float32 (default), or float64 for checks of gradients.</summary>
    public ScalarType Precision { get; init; } = ScalarType.Float32;

    /// <summary>In which precision frozen weights are kept and multiplied; float32 by default.</summary>
    public ComputeType Compute { get; init; } = ComputeType.Float32;

    /// <summary>Quantises the layers' frozen weights to 4 bits; null (default) leaves them as they are.</summary>
    public Nf4Options? Quantize { get; init; }

    /// <summary>Where weights live and products run: <c>cpu</c> (default), <c>cuda</c> or <c>cuda:1</c> …, <c>mps</c>; see <see cref="PeftSharp.Interop.ComputeDevice"/>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Seed of tensors that the checkpoint lacks; default 42.</summary>
    public ulong Seed { get; init; } = 42;
}

/// <summary>How weights are quantised to NF4 (Dettmers et al. 2023, arXiv 2305.14314).</summary>
/// <param name="BlockSize">Weights that share a scale: a power of two from 32 to 4096; default 64.</param>
/// <param name="Double">True quantises the scales too; default false.</param>
public sealed record Nf4Options(int BlockSize = 64, bool Double = false);
