using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

public sealed partial class BottleneckMethod
{
    // Behind the embeddings of an encoder, behind the words of a decoder, as in AdapterHub; undone before a language model's output.
    private void Invert(MethodHost host)
    {
        if (host.Sites.Inputs.Count > 1)
            throw new PeftException("BOTTLENECK: \"inv_adapter\" does not reach models with an encoder and a decoder yet; leave it out.");
        var embedded = host.Sites.Layers.First(l => l.Layer < 0);
        var decodes = host.Sites.Attentions[0].Place.Stack == LayerStack.Decoder;
        var width = (int)(decodes ? host.Sites.Embeddings[0].Dim : embedded.Width);
        var (front, back) = (width / 2, width - width / 2);
        var coupling = new Coupling(front, Network("F", back, front), Network("G", front, back));
        if (decodes) Plug<IEmbeddingPlugin>(host.Sites.Embeddings[0].Plugins, new InvertibleWords(coupling));
        else Plug<ILayerPlugin>(embedded.Plugins, new InvertibleEntry(coupling));
        foreach (var output in host.Sites.Projections.Where(p => p.Role == ProjectionRole.Vocabulary))
            Plug<IProjectionPlugin>(output.Plugins, new InvertibleExit(coupling));
    }

    private CouplingNetwork Network(string local, int input, int output)
    {
        var size = Math.Max(1, (int)(input / (options.InvertibleFactor ?? 2)));
        AdapterTensor Weight(int index, int rows, int columns) => Add(
            InvertiblePath, $"{local}.{index}.weight", [rows, columns], () => Initial.Normal([rows, columns], 0.02, SeedOf($"{local}.{index}")));
        AdapterTensor Bias(int index, int rows) => Add(InvertiblePath, $"{local}.{index}.bias", zeros(rows), decay: false);
        return new(Weight(0, size, input), Bias(0, size), Weight(2, output, size), Bias(2, output), options.NonLinearity.ToLowerInvariant());
    }

    internal string InvertiblePath => $"{Host.BasePrefix}invertible_adapters";
}

/// <summary>A small network of two maps.</summary>
internal sealed record CouplingNetwork(AdapterTensor First, AdapterTensor FirstBias, AdapterTensor Second, AdapterTensor SecondBias, string NonLinearity)
{
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        var inner = Activation.Apply(NonLinearity, nn.functional.linear(x, First.Get(context), FirstBias.Get(context)));
        return nn.functional.linear(inner, Second.Get(context), SecondBias.Get(context));
    }
}

/// <summary>Both halves of a state shifted by what a network makes of the other: a change that can be undone (NICE, Dinh et al. 2014, arXiv 1410.8516).</summary>
internal sealed class Coupling(long front, CouplingNetwork f, CouplingNetwork g)
{
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        var (first, second) = Halves(x);
        first = first.Plus(f.Forward(second, context));
        return cat([first, second.Plus(g.Forward(first, context))], -1);
    }

    public Tensor Undo(Tensor x, ForwardContext context)
    {
        var (first, second) = Halves(x);
        second = second.Plus(g.Forward(first, context), -1);
        return cat([first.Plus(f.Forward(second, context), -1), second], -1);
    }

    private (Tensor First, Tensor Second) Halves(Tensor x) => (x.narrow(-1, 0, front), x.narrow(-1, front, x.shape[^1] - front));
}

/// <summary>The coupling behind the embeddings.</summary>
internal sealed class InvertibleEntry(Coupling coupling) : ILayerPlugin
{
    public Tensor Transform(Tensor hidden, ForwardContext context) => coupling.Forward(hidden, context);
}

/// <summary>The coupling behind the words.</summary>
internal sealed class InvertibleWords(Coupling coupling) : IEmbeddingPlugin
{
    public Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context) => coupling.Forward(vectors, context);
}

/// <summary>The coupling undone, before the map that makes a language model's logits.</summary>
internal sealed class InvertibleExit(Coupling coupling) : IProjectionInput
{
    public Tensor Input(Tensor x, ForwardContext context) => coupling.Undo(x, context);
}
