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

    /// <summary>Seed of tensors that the checkpoint lacks; default 42.</summary>
    public ulong Seed { get; init; } = 42;
}
