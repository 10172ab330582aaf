using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.AdaMix;

/// <summary>
/// A tensor of which there are several copies: in a training step one of them is read, drawn by the step's seed, and otherwise their mean,
/// by a forward and by merging alike.
/// </summary>
/// <param name="module">What is drawn together (a weight and its bias).</param>
/// <param name="others">The copies beside the tensor's own value.</param>
internal sealed class MixedTensor(string module, IReadOnlyList<AdapterTensor> others)
{
    /// <summary>What to read instead of the tensor's own value.</summary>
    public Tensor Read(Tensor own, ForwardContext context)
    {
        Tensor[] all = [own, .. others.Select(t => t.Get(context))];
        if (!context.Training) return all.Aggregate((sum, copy) => sum.Plus(copy)).Times(1.0 / all.Length);
        var chosen = (int)(SeedSequence.Derive(context.Seed, $"{module}.copy") % (ulong)all.Length);
        // The others count for nothing, but they get a gradient: zero.
        return all.Where((_, i) => i != chosen).Aggregate(all[chosen], (sum, copy) => sum.Plus(copy, 0.0));
    }
}
