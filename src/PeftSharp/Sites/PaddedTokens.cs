using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Tokens that are none.</summary>
internal static class PaddedTokens
{
    /// <summary>How many stand before the first real token of each row, int64 [rows, 1].</summary>
    /// <param name="mask">1 at real tokens, int64 [rows, tokens].</param>
    public static Tensor Leading(Tensor mask) => mask.cumsum(1).IsNot(0).logical_not().to(ScalarType.Int64).sum(1, keepdim: true);
}
