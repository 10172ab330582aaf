using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>Low-rank update: ΔW = scale · B·A (Hu et al. 2021, arXiv 2106.09685), its scale fixed or gated.</summary>
internal sealed class LoraDelta(AdaptedMap map, AdapterTensor? bBias, double dropout, IGate? gate)
    : IJoinableDelta, IMergeableProjection, ILowRankMap
{
    private AdapterTensor A => map.A;

    private AdapterTensor B => map.B;

    private AdapterTensor? BBias => bBias;

    private double Scale => map.Scale;

    public (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context) =>
        gate is not null ? null
        : map.Past is not { } past ? (B.Get(context), A.Get(context), Scale)
        : (cat([B.Get(context), past.B], 1), cat([A.Get(context), past.A]), Scale);

    public bool AddsProductAlone => gate is null && bBias is null;

    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var delta = gate is null                                                                     // [rows, tokens, out]
            ? LowRank.Product(x, A.Get(context), B.Get(context), Scale, dropout, A.Name, context, A.Role == TensorRole.Frozen)
            : nn.functional.linear(Dropout.Linear(x, A.Get(context), dropout, A.Name, context) * gate.Value(x, context), B.Get(context));
        if (map.Past is { } past) delta = delta.Plus(LowRank.Product(x, past.A, past.B, Scale, 0, A.Name, context));
        return bBias is null ? delta : delta.Plus(bBias.Get(context), Scale);
    }

    // Each adapter drops inputs by a mask of its own, and a gate reads the padding of its own rows.
    public object? JoinKey(ForwardContext context) =>
        gate is null && map.Past is null && !(context.Training && dropout > 0) ? (typeof(LoraDelta), bBias is null) : null;

    public Tensor Delta(Tensor x, JoinedRows rows)
    {
        var wide = x.dim() == 2 ? x.unsqueeze(1) : x;
        var lowIn = rows.Stack<LoraDelta>((plugin, call) => plugin.A.Get(call), dimension: 0);      // [rows, largest rank, in]
        var lowOut = rows.Stack<LoraDelta>((plugin, call) => plugin.B.Get(call), dimension: 1);     // [rows, out, largest rank]
        var low = matmul(wide, lowIn.transpose(1, 2));                                              // [rows, tokens, largest rank]
        var common = rows.Common<LoraDelta>(plugin => plugin.Scale);
        var scales = common is null ? rows.Numbers<LoraDelta>(plugin => plugin.Scale, low.dtype, low.device) : null;
        var scaled = scales is null ? low.Times(common!.Value) : low * scales;
        var delta = matmul(scaled, lowOut.transpose(1, 2));                                         // [rows, tokens, out]
        if (bBias is not null)
        {
            var biases = rows.Stack<LoraDelta>((plugin, call) => plugin.BBias!.Get(call)).unsqueeze(1);
            delta = scales is null ? delta.Plus(biases, common!.Value) : delta.Plus(biases * scales);
        }
        return x.dim() == 2 ? delta.squeeze(1) : delta;
    }

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => Factors(context) is var (left, right, scale)
        ? weight.Plus(matmul(left, right).Times(scale))
        : throw new PeftException(
            $"LORA: the gate at {A.Path} depends on the input, so the adapter cannot be merged; serve it as an adapter instead.");

    public Tensor? MergedBias(Tensor? bias, ForwardContext context) => bBias is null ? bias
        : bias is null ? throw new PeftException($"{B.Path} has no bias to merge \"lora_bias\" into.")
        : bias.Plus(bBias.Get(context), Scale);
}
