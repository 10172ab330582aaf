using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.GraLora;

/// <summary>
/// ΔW in blocks, each of low rank: a part of the input is brought to rank r, its rank is dealt out over the parts of the output, and what
/// comes to a part of the output from all parts of the input is widened there (Jung et al. 2025, arXiv 2505.20355).
/// </summary>
/// <param name="a">A, [parts, in / parts, rank].</param>
/// <param name="b">B, [parts, rank, out / parts].</param>
/// <param name="general">Factors of an ordinary LoRA beside them, [rank, in] and [out, rank]; null for none.</param>
/// <param name="scale">The scale of both.</param>
/// <param name="dropout">Dropout of the input.</param>
internal sealed class GraLoraChange(
    AdapterTensor a, AdapterTensor b, (AdapterTensor A, AdapterTensor B)? general, double scale, double dropout) : WeightChange
{
    public override Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var rows = Dropout.Apply(x, dropout, a.Name, context).reshape(-1, x.shape[^1]);
        var delta = OfRows(rows, context);
        return delta.view([.. x.shape[..^1], delta.shape[1]]);
    }

    // What becomes of the unit vectors.
    protected override Tensor Change(WeightStore weight, ForwardContext context)
    {
        var unit = a.Get(context);
        return OfRows(eye(weight.InFeatures, dtype: unit.dtype, device: unit.device), context).t();
    }

    // [rows, in] → [rows, out]
    private Tensor OfRows(Tensor rows, ForwardContext context)
    {
        var (narrow, wide) = (a.Get(context), b.Get(context));
        var (parts, rank) = (narrow.shape[0], narrow.shape[2]);
        var low = bmm(rows.view(-1, parts, narrow.shape[1]).transpose(0, 1), narrow);       // [parts of in, rows, rank]
        // [parts of out, rows, parts of in, rank / parts]
        var dealt = low.view(parts, -1, parts, rank / parts).permute(2, 1, 0, 3);
        var delta = bmm(dealt.reshape(parts, -1, rank), wide).transpose(0, 1).reshape(rows.shape[0], -1);
        if (general is { } whole) delta = delta.Plus(mm(mm(rows, whole.A.Get(context).t()), whole.B.Get(context).t()));
        return delta.Times(scale);
    }
}
