using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prefix;

/// <summary>One layer's keys and values.</summary>
/// <param name="encoder">Yields those of all layers.</param>
/// <param name="index">Which of its layers this is.</param>
/// <param name="length">Number of added keys.</param>
/// <param name="shift">By how much positions move.</param>
/// <param name="gate">Scales keys and values per sequence; null for none.</param>
internal sealed class PrefixAttention(PrefixEncoder encoder, int index, int length, int shift, Gate? gate) : IAttentionPrefix
{
    public int Length => length;

    public int PositionShift => shift;

    public (Tensor Keys, Tensor Values) KeysAndValues(AttentionState state, ForwardContext context)
    {
        var (heads, width) = (state.Site.PrefixHeads, state.Site.HeadDim);
        // The table holds, for each token, keys and values of layer 0, then of layer 1 …
        Tensor Part(int which) => encoder.Output(context).narrow(1, (2 * index + which) * heads * width, heads * width)
            .view(length, heads, width).transpose(0, 1).unsqueeze(0);            // [1, heads, length, headDim]
        var (keys, values) = (Part(0), Part(1));
        if (gate is null) return (keys, values);
        var gates = gate.Value(state.Hidden, context).unsqueeze(-1);             // [rows, 1, gates, 1]
        return (keys * gates.narrow(2, 0, 1), values * gates.narrow(2, gates.shape[2] - 1, 1));
    }
}
