using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.ProPetl;

/// <summary>
/// What a layer reads of a prototype: P ⊙ M, M of zeros and ones, 1 where the layer's scores are largest, or reach a threshold, by their
/// size.
/// </summary>
/// <remarks>A score gets the gradient that its entry of the mask would (straight-through), with the sign of the score.</remarks>
/// <param name="prototype">P.</param>
/// <param name="scores">The scores: of P's shape, or [layers, …P's shape] where one tensor holds all layers.</param>
/// <param name="layers">How many layers the scores hold; each has a mask of its own.</param>
/// <param name="options">How a mask is chosen.</param>
internal sealed class MaskedPrototype(AdapterTensor prototype, AdapterTensor scores, int layers, ProPetlOptions options)
{
    /// <summary>The scores.</summary>
    public AdapterTensor Scores => scores;

    /// <summary>How many layers the scores hold.</summary>
    public int Layers => layers;

    /// <summary>What is read in place of a tensor of the part.</summary>
    public Tensor Read(Tensor own, ForwardContext context)
    {
        var value = prototype.Get(context);
        var size = scores.Get(context).abs();
        var factors = Kept(size).to(value.dtype);
        // What is added is zero, exactly, and passes the gradient on.
        if (size.requires_grad && is_grad_enabled()) factors = factors.Plus(size.Plus(size.detach(), -1).to(value.dtype));
        var masked = value * factors;
        // One table holds for each token what layer 0 reads, then layer 1 …
        return layers == 1 ? masked : masked.transpose(0, 1).reshape(own.shape);
    }

    /// <summary>The mask at present, of the scores' shape.</summary>
    public Tensor Mask => Kept(scores.Value.detach().abs());

    /// <summary>Entries of a layer's mask that are kept; null where a threshold decides.</summary>
    public long? KeptEntries => options.MaskBy == ProPetlOptions.TopK ? Count(scores.Value.numel() / layers) : null;

    /// <summary>Takes a mask over: scores that stand for it, and from which training can go on.</summary>
    /// <param name="mask">The mask, of the scores' shape.</param>
    public void Take(Tensor mask)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        // Kept entries lie as far above the border as the others below it; none at zero, where no gradient says which way.
        var low = options.MaskBy == ProPetlOptions.TopK ? StartOf(scores.Value.shape, layers) / 3 : options.Threshold / 2;
        scores.Value.copy_(mask.to(scores.Value.dtype).Times(2 * low).Plus(low));
    }

    /// <summary>The bound of the scores' uniform start: Kaiming's with a = √5.</summary>
    public static double StartOf(long[] shape, int layers)
    {
        var inputs = layers == 1 ? shape[^1] : shape[1..].Aggregate(1L, (all, size) => all * size);
        return 1 / Math.Sqrt(inputs);
    }

    private Tensor Kept(Tensor size)
    {
        if (options.MaskBy != ProPetlOptions.TopK) return size.NotBelow(options.Threshold);
        var each = size.detach().reshape(layers, -1);
        var count = (int)Count(each.shape[1]);
        if (count == each.shape[1]) return ones_like(size, ScalarType.Bool, requires_grad: false);
        var (_, best) = each.topk(count, 1);
        return zeros_like(each, ScalarType.Bool).scatter(1, best, ones_like(best, ScalarType.Bool)).view(size.shape);
    }

    private long Count(long entries) => Math.Clamp((long)Math.Round(options.Density * entries), 1, entries);
}
