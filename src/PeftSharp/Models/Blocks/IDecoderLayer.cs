using PeftSharp.Models.Decoding;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A layer of a decoder with rotary positions.</summary>
internal interface IDecoderLayer
{
    /// <summary>Runs the layer.</summary>
    /// <param name="x">[rows, tokens, hidden].</param>
    /// <param name="mask">Which tokens are seen.</param>
    /// <param name="angles">The tokens' positions.</param>
    /// <param name="context">The call.</param>
    /// <returns>[rows, tokens, hidden].</returns>
    Tensor Forward(Tensor x, KeyMask mask, Rotary.Angles angles, ForwardContext context);

    /// <summary>Its sites, where norms, attention and feed-forward block follow each other as in Llama; null for other layers.</summary>
    LayerParts? Parts => null;
}
