using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>P-tuning as peft writes it: what the network yields, not the network; and the head without "model" in its names.</summary>
internal sealed class PTuningPeft : PeftLayout
{
    private const string Yielded = "prompt_embeddings";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) => tensor.SavedModule ? $"base_model.{tensor.Name}" : null;

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.SavedModule ? base.ReferenceName(adapter, tensor) : $"prompt_encoder.{tensor.Local}";

    public override IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter)
    {
        foreach (var pair in base.Write(adapter)) yield return pair;
        yield return new(Yielded, ((PTuningMethod)adapter).Yield());
    }

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        var options = (PTuningOptions)adapter.Options;
        SavedTensor.Require(saved, Yielded, [options.VirtualTokens * options.Submodules!.Value, options.TokenDim!.Value], file);
        base.Read(adapter, saved.Where(p => p.Key != Yielded).ToDictionary(), file);
        ((PTuningMethod)adapter).Fix(saved[Yielded]);
    }
}
