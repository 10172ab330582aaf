using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in that puts vectors before a sequence, or after its first token.</summary>
public interface IInputPlugin
{
    /// <summary>When it acts.</summary>
    InputStage Stage { get; }

    /// <summary>Number of vectors.</summary>
    int Length { get; }

    /// <summary>
    /// False (default): the vectors stand before a sequence's first token; true: right after it. They stand alone then, with no other
    /// plug-in's vectors.
    /// </summary>
    bool AfterFirst => false;

    /// <summary>
    /// What a causal language model learns of them in training, beside the sequence's own labels; empty (default) for nothing.
    /// </summary>
    IReadOnlyList<InputLabel> Labels => [];

    /// <summary>The vectors, [length, hidden].</summary>
    Tensor Vectors(ForwardContext context);
}
