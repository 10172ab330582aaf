using PeftSharp.Interop;

namespace PeftSharp.Sites;

/// <summary>
/// Which layers a call passes without adapters (AdapterDrop, Rücklé et al. 2021, arXiv 2010.11918). In an encoder–decoder it counts for
/// both stacks.
/// </summary>
public sealed class LayerDrop
{
    private readonly HashSet<int> _layers;
    private readonly int _most;

    private LayerDrop(IEnumerable<int> layers, int most) => (_layers, _most) = ([.. layers], most);

    /// <summary>
    /// The lowest layers, in training and inference: what lies below the first adapter needs no gradient and is the base's own.
    /// </summary>
    /// <param name="count">How many, from 0.</param>
    /// <exception cref="PeftException">The number is below 0.</exception>
    public static LayerDrop Lowest(int count) => count >= 0 ? new(Enumerable.Range(0, Math.Min(count, 1 << 16)), 0)
        : throw new PeftException($"{count} layers are to go without adapters; expected a number of at least 0.");

    /// <summary>Some layers, by index from 0, in training and inference.</summary>
    public static LayerDrop These(params IReadOnlyList<int> layers) => new(layers, 0);

    /// <summary>
    /// In each step of training the lowest 0 to <paramref name="most"/> layers, drawn anew by the step's seed; none in inference.
    /// </summary>
    /// <exception cref="PeftException">The number is below 1.</exception>
    public static LayerDrop Drawn(int most) => most is >= 1 and <= 1 << 16 ? new([], most)
        : throw new PeftException($"Up to {most} layers are to be drawn; expected a number from 1 to {1 << 16}.");

    /// <summary>True if a call passes a layer without adapters.</summary>
    internal bool Skips(int layer, ForwardContext context)
    {
        if (layer < 0) return false;
        if (_most == 0) return _layers.Contains(layer);
        return context.Training && layer < (int)(SeedSequence.Derive(context.Seed, "layers without adapters") % (ulong)(_most + 1));
    }
}
