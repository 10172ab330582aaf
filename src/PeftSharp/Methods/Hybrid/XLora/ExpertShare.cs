using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.XLora;

/// <summary>What an expert's update counts at a map: its weight for each token, times its own scale.</summary>
/// <param name="classifier">What weighs the experts.</param>
/// <param name="site">The map.</param>
/// <param name="readsSource">True if the map reads the first of two stacks' tokens.</param>
/// <param name="expert">The expert's index.</param>
/// <param name="scale">Its scale, alpha / r.</param>
internal sealed class ExpertShare(XLoraClassifier classifier, ProjectionSite site, bool readsSource, int expert, double scale) : IGate
{
    /// <inheritdoc/>
    public Tensor Value(Tensor x, ForwardContext context)
    {
        if (context.Scouting) return Arithmetic.Filled([1], classifier.FirstWeight * scale, x.dtype, x.device);
        var scouted = context.Scouted
            ?? throw new InvalidOperationException($"The experts at {site.Path} act in a call without a first pass.");
        // Behind a pooler there is one vector for the whole row.
        var ofRows = scouted.OfWholeRows || site.Role == ProjectionRole.Pooler;
        var share = classifier.Weights(scouted, readsSource, ofRows, context)      // [rows, tokens or 1, maps or 1, experts]
            .narrow(2, classifier.IndexOf(site.Path), 1)
            .narrow(3, expert, 1)
            .squeeze(2);
        if (scouted.Rows is { } rows) share = share.index_select(0, rows);
        // Where the head reads the first token alone, the last layer may go on with no other.
        if (x.dim() == 3 && x.shape[1] == 1) share = share.narrow(1, 0, 1);
        return (x.dim() == 2 ? share.squeeze(1) : share).Times(scale);
    }
}
