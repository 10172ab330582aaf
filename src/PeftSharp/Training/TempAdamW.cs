using TorchSharp;
using static TorchSharp.torch;
namespace PeftSharp.Training;
public sealed class AdamW(IReadOnlyList<TrainableParameter> ps, double b1, double b2, double eps, double wd)
{
    private readonly Tensor[] _m = [.. ps.Select(p => zeros_like(p.Value).DetachFromDisposeScope())], _v = [.. ps.Select(p => zeros_like(p.Value).DetachFromDisposeScope())]; private int _t;
    public void Step(double lr)
    {
        using var g = no_grad(); using var s = NewDisposeScope(); _t++;
        for (var i = 0; i < ps.Count; i++)
        {
            if (ps[i].Value.grad is not { } d) continue;
            if (ps[i].Decay) ps[i].Value.mul_(1 - lr * wd);
            _m[i].mul_(b1).add_(d, 1 - b1); _v[i].mul_(b2).addcmul_(d, d, 1 - b2);
            ps[i].Value.addcdiv_(_m[i] / (1 - Math.Pow(b1, _t)), (_v[i] / (1 - Math.Pow(b2, _t))).sqrt() + eps, -lr);
        }
    }
    public void ZeroGrad() { foreach (var p in ps) p.Value.grad = null; }
}
