using PeftSharp.Methods.Layouts;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.VbLora;

/// <summary>VB-LoRA as peft writes it: the bank once, and of the scores either all or those that count.</summary>
internal sealed class VbLoraPeft : PeftLayout
{
    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.Local == VbLoraMethod.Bank ? $"base_model.{tensor.Local}" : base.Name(adapter, tensor);

    // The live model of peft lists the bank at the first map that reads it.
    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) => tensor.Local == VbLoraMethod.Bank
        ? $"{Prefix}{adapter.Tensors.First(IsScore).Path}.{tensor.Local}" : base.ReferenceName(adapter, tensor);

    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key) =>
        IsScore(tensor) && Options(adapter).SavesMixedOnly
            ? MixedScores.Encode(key, tensor.Value, Options(adapter).Mixed) : base.Encode(adapter, tensor, key);

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        if (!Options(adapter).SavesMixedOnly)
        {
            base.Read(adapter, saved, file);
            return;
        }
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var whole = saved.Where(t => !MixedScores.Is(t.Key)).ToDictionary();
        var known = new HashSet<string>();
        foreach (var tensor in adapter.Tensors.Where(IsScore))
        {
            var key = Name(adapter, tensor)!;
            whole.Add(key, MixedScores.Decode(saved, key, tensor.Value.shape, Options(adapter).Mixed, file));
            known.UnionWith(MixedScores.Names(key));
        }
        if (saved.Keys.FirstOrDefault(key => MixedScores.Is(key) && !known.Contains(key)) is { } stray)
            throw SavedTensor.Stray(stray, file);
        base.Read(adapter, whole, file);
        ((VbLoraMethod)adapter).LacksScores = true;
    }

    private static bool IsScore(AdapterTensor tensor) => tensor.Local is VbLoraMethod.ScoresA or VbLoraMethod.ScoresB;

    private static VbLoraOptions Options(PeftMethod adapter) => (VbLoraOptions)adapter.Options;
}
