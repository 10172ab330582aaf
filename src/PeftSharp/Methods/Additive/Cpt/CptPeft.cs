using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Cpt;

/// <summary>Contexts as peft writes them: the vectors as they ended, from which a loaded adapter starts anew.</summary>
internal sealed class CptPeft : PeftLayout
{
    private const string Vectors = "prompt_embeddings";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) => tensor.SavedModule ? $"base_model.{tensor.Name}" : null;

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.SavedModule ? base.ReferenceName(adapter, tensor) : $"prompt_encoder.{tensor.Local}";

    public override IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter)
    {
        foreach (var pair in base.Write(adapter)) yield return pair;
        yield return new(Vectors, ((CptMethod)adapter).Vectors);
    }

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        var options = (CptOptions)adapter.Options;
        SavedTensor.Require(saved, Vectors, [options.VirtualTokens, options.TokenDim!.Value], file);
        base.Read(adapter, saved.Where(pair => pair.Key != Vectors).ToDictionary(), file);
        ((CptMethod)adapter).Fix(saved[Vectors]);
    }
}
