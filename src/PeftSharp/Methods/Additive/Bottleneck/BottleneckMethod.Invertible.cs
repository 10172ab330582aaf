using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

internal sealed partial class BottleneckMethod
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
            InvertiblePath, $"{local}.{index}.weight", [rows, columns], () =>
                Initial.Normal([rows, columns], 0.02, SeedOf($"{local}.{index}")));
        AdapterTensor Bias(int index, int rows) => Add(InvertiblePath, $"{local}.{index}.bias", zeros(rows), decay: false);
        // AdapterHub's networks have a slope of their own each, in the module between the maps.
        var slope = HasSlope ? Add(InvertiblePath, $"{local}.1.{LearnedSlope.Local}", LearnedSlope.New(), decay: false) : null;
        return new(Weight(0, size, input), Bias(0, size), Weight(2, output, size), Bias(2, output), options.NonLinearity, slope);
    }

    internal string InvertiblePath => $"{Host.BasePrefix}invertible_adapters";
}
