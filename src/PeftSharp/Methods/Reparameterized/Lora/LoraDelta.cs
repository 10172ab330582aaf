using PeftSharp.Interop;
using PeftSharp.Quantization;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>Low-rank update: ΔW = scale · B·A (Hu et al. 2021, arXiv 2106.09685), its scale fixed or gated.</summary>
internal sealed class LoraDelta(AdapterTensor a, AdapterTensor b, AdapterTensor? bBias, double scale, double dropout, Gate? gate)
    : IProjectionDelta, IMergeableProjection, ILowRankMap
{
    public (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context) =>
        gate is null ? (b.Get(context), a.Get(context), scale) : null;

    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var low = Dropout.Linear(x, a.Get(context), dropout, a.Name, context); // [rows, tokens, rank]
        var scaled = gate is null ? low.Times(scale) : low * gate.Value(x, context);
        var delta = nn.functional.linear(scaled, b.Get(context));                                    // [rows, tokens, out]
        return bBias is null ? delta : delta.Plus(bBias.Get(context), scale);
    }

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => gate is null
        ? weight.Plus(matmul(b.Get(context), a.Get(context)).Times(scale))
        : throw new PeftException($"LORA: the gate at {a.Path} depends on the input, so the adapter cannot be merged; serve it as an adapter instead.");

    public Tensor? MergedBias(Tensor? bias, ForwardContext context) => bBias is null ? bias
        : bias is null ? throw new PeftException($"{b.Path} has no bias to merge \"lora_bias\" into.")
        : bias.Plus(bBias.Get(context), scale);
}
