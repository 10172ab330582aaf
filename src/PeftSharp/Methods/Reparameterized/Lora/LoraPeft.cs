using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>LoRA as peft writes it.</summary>
internal sealed class LoraPeft : PeftLayout
{
    public override string? Refusal(MethodOptions options) => ((LoraOptions)options).UseGating
        ? "LORA: the peft format has no place for gates; save it in the AdapterHub format." : null;

    public override string? Refusal(PeftMethod adapter)
    {
        if (Refusal(adapter.Options) is { } sentence) return sentence;
        var parts = ((LoraMethod)adapter).Parts;
        return adapter.Tensors.FirstOrDefault(t => parts?.Contains(t.Path) == true) is not { } part ? null
            : $"LORA: {part.Path} is a part of a map that serves several, which peft cannot name; save in the AdapterHub format, "
              + "or adapt the whole by its name in \"target_modules\".";
    }

    // Maps that data left without a rank have no place.
    public override string? Name(PeftMethod adapter, AdapterTensor tensor) => tensor.Value.numel() == 0 ? null : base.Name(adapter, tensor);

    public override MethodOptions SavedOptions(PeftMethod adapter) => ((LoraMethod)adapter).SavedOptions();

    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key)
    {
        if (((LoraMethod)adapter).Restarted(tensor) is { Past: { } past } restarted)
            return [new(key, tensor == restarted.A ? cat([tensor.Value, past.A]) : cat([tensor.Value, past.B], 1))];
        if (((LoraMethod)adapter).Converted(tensor) is not { Change: { A: { } startA, B: { } startB } } map)
            return base.Encode(adapter, tensor, key);
        return [new(key, tensor == map.A ? cat([tensor.Value, startA]) : cat([tensor.Value, startB.neg()], 1))];
    }

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.Local == "lora_magnitude_vector" ? $"{Name(adapter, tensor)}.weight" : base.ReferenceName(adapter, tensor);

    public override bool MayLeaveOut(PeftMethod adapter, string key) =>
        // With "bias": "all", peft also writes the head's bias under its internal names.
        key.Contains(".modules_to_save.", StringComparison.Ordinal) || key.Contains(".original_module.", StringComparison.Ordinal)
        || base.MayLeaveOut(adapter, key);
}
