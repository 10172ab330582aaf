using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Hears how much each adapter of a fusion counts.</summary>
public interface IFusionListener
{
    /// <summary>Called by each fusion at each residual branch.</summary>
    /// <param name="path">The branch.</param>
    /// <param name="weights">[rows, tokens, 1, adapters], in the fusion's order; they add up to 1. Borrowed.</param>
    /// <param name="padding">1 at real tokens, int64 [rows, tokens]; null where nothing is padded.</param>
    void Hear(string path, Tensor weights, Tensor? padding);
}
