using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>
/// Start values cut out of the model's own maps: of the residual stream the channels whose word vectors are largest, of each head and of
/// the feed-forward block those with the largest weights (sums of absolute values).
/// </summary>
internal sealed class SidePruning
{
    private readonly Tensor _channels; // [side]

    /// <summary>Chooses the channels of the residual stream.</summary>
    /// <param name="words">The word table, [words, width].</param>
    /// <param name="width">Width of the stream.</param>
    /// <param name="side">Width of the side network.</param>
    public SidePruning(Tensor words, int width, int side)
    {
        // Narrower word vectors than the stream's say nothing of its channels.
        _channels = words.shape[1] == width ? Largest(words.abs().sum([0L]), side) : Spread(width, side, words.device);
    }

    /// <summary>A map that reads the stream: [kept, side].</summary>
    public Tensor Reading(Tensor weight, Tensor kept) =>
        weight.index_select(0, kept).index_select(1, _channels);

    /// <summary>A map that writes to the stream: [side, kept].</summary>
    public Tensor Writing(Tensor weight, Tensor kept) =>
        weight.index_select(0, _channels).index_select(1, kept);

    /// <summary>Of each head, the places with the largest weights: indices [heads · headDim].</summary>
    /// <param name="importance">[heads · width of a head].</param>
    /// <param name="shape">Heads as they are.</param>
    /// <param name="dim">Width of a head in the side network.</param>
    public static Tensor OfHeads(Tensor importance, AttentionShape shape, int dim)
    {
        var places = importance.view(shape.Heads, shape.HeadDim).topk(dim, 1).indexes.sort(1).Values; // [heads, dim]
        var first = Arithmetic.Range(0, shape.Heads, device: importance.device).Times((long)shape.HeadDim).unsqueeze(1);
        return places.Plus(first).reshape(-1);
    }

    /// <summary>The indices of the largest values, in their order.</summary>
    public static Tensor Largest(Tensor importance, int count) => importance.topk(count).indexes.sort().Values;

    private static Tensor Spread(int width, int side, Device device) =>
        tensor(Enumerable.Range(0, side).Select(i => (long)i * width / side).ToArray(), ScalarType.Int64, device: device);
}
