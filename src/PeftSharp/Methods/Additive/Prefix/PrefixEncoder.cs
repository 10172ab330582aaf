using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prefix;

/// <summary>Where the keys and values of all layers come from: one table, or a network over an embedding.</summary>
internal sealed class PrefixEncoder(AdapterTensor embedding, PrefixNetwork? network, double dropout, int tokens)
{
    /// <summary>
    /// A prefix read from a file that holds only what the network once yielded; it stands in until training starts again.
    /// </summary>
    public Tensor? Fixed { get; set; }

    /// <summary>Keys and values of every layer, [tokens, 2 · layers · width].</summary>
    public Tensor Output(ForwardContext context) => Fixed is not null && !context.Training ? Fixed : context.Once(this, () =>
    {
        var table = embedding.Get(context);
        var output = network is null ? table.view(tokens, -1) : network.Forward(table, context);
        return Dropout.Apply(output, dropout, embedding.Name, context);
    });
}
