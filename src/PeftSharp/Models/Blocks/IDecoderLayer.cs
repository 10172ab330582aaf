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
}
