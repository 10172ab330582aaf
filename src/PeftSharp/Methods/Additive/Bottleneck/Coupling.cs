using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>
/// Both halves of a state shifted by what a network makes of the other: a change that can be undone (NICE, Dinh et al. 2014, arXiv
/// 1410.8516).
/// </summary>
internal sealed class Coupling(long front, CouplingNetwork f, CouplingNetwork g)
{
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        var (first, second) = Halves(x);
        first = first.Plus(f.Forward(second, context));
        return cat([first, second.Plus(g.Forward(first, context))], -1);
    }

    public Tensor Undo(Tensor x, ForwardContext context)
    {
        var (first, second) = Halves(x);
        second = second.Plus(g.Forward(first, context), -1);
        return cat([first.Plus(f.Forward(second, context), -1), second], -1);
    }

    private (Tensor First, Tensor Second) Halves(Tensor x) => (x.narrow(-1, 0, front), x.narrow(-1, front, x.shape[^1] - front));
}
