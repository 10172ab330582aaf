using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A layer of an encoder.</summary>
internal interface IEncoderLayer
{
    /// <summary>Runs the layer.</summary>
    /// <param name="x">[rows, tokens, hidden].</param>
    /// <param name="mask">Which tokens are seen.</param>
    /// <param name="firstTokenOnly">True computes the output for the first token alone.</param>
    /// <param name="context">The call.</param>
    /// <returns>[rows, tokens or 1, hidden].</returns>
    Tensor Forward(Tensor x, KeyMask mask, bool firstTokenOnly, ForwardContext context);
}
