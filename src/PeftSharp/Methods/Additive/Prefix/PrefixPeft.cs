using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prefix;

/// <summary>Prefix tuning as peft writes it: what the network yields, not the network; and the head without "model" in its names.</summary>
internal sealed class PrefixPeft : PeftLayout
{
    private const string Yielded = "prompt_embeddings";

    public override string? Refusal(MethodOptions options) => !((PrefixOptions)options).HubStyle ? null
        : "PREFIX_TUNING: AdapterHub's prefix leaves positions alone and peft's moves them, so it cannot be saved in the peft format; "
          + "save it in the AdapterHub format.";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) => tensor.SavedModule ? $"base_model.{tensor.Name}"
        : !Projects(adapter) && tensor.Path.Length == 0 ? Yielded : null;

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.SavedModule || tensor.Path.Length > 0 ? base.ReferenceName(adapter, tensor) : $"prompt_encoder.{tensor.Local}";

    public override IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter)
    {
        foreach (var pair in base.Write(adapter)) yield return pair;
        if (Projects(adapter)) yield return new(Yielded, ((PrefixMethod)adapter).Yield());
    }

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        if (!Projects(adapter))
        {
            base.Read(adapter, saved, file);
            return;
        }
        var options = (PrefixOptions)adapter.Options;
        SavedTensor.Require(saved, Yielded, [options.VirtualTokens, 2L * options.LayerCount!.Value * options.TokenDim!.Value], file);
        base.Read(adapter, saved.Where(p => p.Key != Yielded).ToDictionary(), file);
        ((PrefixMethod)adapter).Fix(saved[Yielded]);
    }

    private static bool Projects(PeftMethod adapter) => ((PrefixOptions)adapter.Options).Projection;
}
