using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>Makes one vector of a sequence.</summary>
internal static class Pool
{
    /// <summary>[rows, tokens, hidden] → [rows, 1, hidden].</summary>
    public static Tensor Apply(Pooling pooling, Tensor hidden, Tensor? mask)
    {
        if (pooling == Pooling.Last) return LastToken(hidden, mask);
        if (pooling != Pooling.Mean) return hidden.narrow(1, 0, 1).contiguous();
        if (mask is null) return hidden.mean([1], keepdim: true);
        var weights = mask.unsqueeze(-1).to(hidden.dtype);                      // [rows, tokens, 1]
        return (hidden * weights).sum(1, keepdim: true) / weights.sum(1, keepdim: true).AtLeast(1e-9);
    }

    private static Tensor LastToken(Tensor hidden, Tensor? mask)
    {
        var tokens = hidden.shape[1];
        if (mask is null) return hidden.narrow(1, tokens - 1, 1).contiguous();
        var numbers = Arithmetic.Range(0, tokens, device: hidden.device);
        var last = (mask * numbers).argmax(1);                                  // [rows]
        return hidden.gather(1, last.view(-1, 1, 1).expand(hidden.shape[0], 1, hidden.shape[2]));
    }
}
