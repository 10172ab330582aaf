using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>A learned gate per sequence: the mean over all positions of σ(w·x + b), padded positions too (AdapterHub's UniPELT).</summary>
internal sealed class Gate(AdapterTensor weight, AdapterTensor bias)
{
    /// <summary>x: [rows, tokens, width] → [rows, 1, gates].</summary>
    public Tensor Value(Tensor x, ForwardContext context) =>
        nn.functional.linear(x, weight.Get(context), bias.Get(context)).sigmoid().mean([1], keepdim: true);
}
