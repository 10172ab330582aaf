using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>What an update is multiplied by, in place of a fixed scale: it depends on the input.</summary>
internal interface IGate
{
    /// <summary>The factor for an input, [rows, tokens, width] (or [rows, width]).</summary>
    /// <returns>A tensor of as many dimensions, the last of which is 1 or the number of gates.</returns>
    Tensor Value(Tensor x, ForwardContext context);
}
