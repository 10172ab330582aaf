using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>Makes one vector of a sequence.</summary>
internal static class Pool
{
    /// <summary>[rows, tokens, hidden] → [rows, 1, hidden].</summary>
    public static Tensor Apply(Pooling pooling, Tensor hidden, Tensor? mask)
    {
        if (pooling != Pooling.Mean) return hidden.narrow(1, 0, 1).contiguous();
        if (mask is null) return hidden.mean([1], keepdim: true);
        var weights = mask.unsqueeze(-1).to(hidden.dtype);                      // [rows, tokens, 1]
        return (hidden * weights).sum(1, keepdim: true) / weights.sum(1, keepdim: true).AtLeast(1e-9);
    }
}
