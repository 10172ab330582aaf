using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prefix;

/// <summary>Where the keys and values of all layers come from: one table, or a network over an embedding.</summary>
internal sealed class PrefixEncoder(AdapterTensor embedding, PrefixNetwork? network, double dropout, int tokens)
{
    /// <summary>A prefix read from a file that holds only what the network once yielded; it stands in until training starts again.</summary>
    public Tensor? Fixed { get; set; }

    /// <summary>Keys and values of every layer, [tokens, 2 · layers · width].</summary>
    public Tensor Output(ForwardContext context) => Fixed is not null && !context.Training ? Fixed : context.Once(this, () =>
    {
        var table = embedding.Get(context);
        var output = network is null ? table.view(tokens, -1) : network.Forward(table, context);
        return Dropout.Apply(output, dropout, embedding.Name, context);
    });
}

/// <summary>Linear, activation, linear.</summary>
internal sealed record PrefixNetwork(AdapterTensor First, AdapterTensor FirstBias, AdapterTensor Second, AdapterTensor SecondBias, string Activation)
{
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        var inner = Sites.Activation.Apply(Activation, nn.functional.linear(x, First.Get(context), FirstBias.Get(context)));
        return nn.functional.linear(inner, Second.Get(context), SecondBias.Get(context));
    }
}

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
