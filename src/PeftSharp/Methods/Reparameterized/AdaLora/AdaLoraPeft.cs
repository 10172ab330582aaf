using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>AdaLoRA as peft writes it: the ranks that are left after the last allocation, without the divisor.</summary>
internal sealed class AdaLoraPeft : PeftLayout
{
    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.Role == TensorRole.Frozen ? null : base.Name(adapter, tensor);

    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key)
    {
        if (((AdaLoraMethod)adapter).Cut(tensor) is not var (dimension, kept)) return base.Encode(adapter, tensor, key);
        var left = RankAllocator.Indices(kept, true, tensor.Value.device);
        return [new(key, tensor.Value.index_select(dimension, left).contiguous())];
    }
}
