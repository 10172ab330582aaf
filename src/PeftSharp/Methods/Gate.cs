using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>A learned gate per sequence: the mean of σ(w·x + b) over its tokens (UniPELT, Mao et al. 2021, arXiv 2110.07577).</summary>
/// <param name="weight">w, [gates, width].</param>
/// <param name="bias">b, [gates].</param>
/// <param name="overPadding">True averages over padded positions too, as AdapterHub does: a row's gate then depends on the rows beside
/// it.</param>
internal sealed class Gate(AdapterTensor weight, AdapterTensor bias, bool overPadding) : IGate
{
    /// <summary>x: [rows, tokens, width] → [rows, 1, gates].</summary>
    public Tensor Value(Tensor x, ForwardContext context)
    {
        var value = Mean(x, context);
        context.GateListener?.Hear(weight.Name, value);
        return value;
    }

    private Tensor Mean(Tensor x, ForwardContext context)
    {
        var each = nn.functional.linear(x, weight.Get(context), bias.Get(context)).sigmoid();
        // Behind a pooler there is one position, and it is real.
        if (overPadding || context.Padding is not { } mask || mask.shape[1] != x.shape[1]) return each.mean([1], keepdim: true);
        var real = mask.unsqueeze(-1).to(each.dtype);                            // [rows, tokens, 1]
        return (each * real).sum(1, keepdim: true) / real.sum(1, keepdim: true).AtLeast(1.0);
    }
}
