using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Hears how far learned gates are open.</summary>
public interface IGateListener
{
    /// <summary>Called by each gate in each call.</summary>
    /// <param name="gate">Name of the gate's weight, without the adapter's.</param>
    /// <param name="values">
    /// [rows, 1, gates], between 0 and 1, of the rows on which its adapter acts; of X-LoRA the experts' weights, the mean over a row's
    /// tokens. Borrowed.
    /// </param>
    void Hear(string gate, Tensor values);
}
