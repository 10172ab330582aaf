using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.SparseAdapter;

/// <summary>
/// Version 1 of the layout: the part's tensors under names of peft's kind, what is pruned at zero, and beside each pruned matrix
/// <c>NAME.mask</c>, uint8, one bit an entry (row-major, the first in the lowest bit of the first byte), 1 where it is kept.
/// </summary>
internal sealed class SparsePeft : PeftLayout
{
    private const string End = ".mask";

    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key)
    {
        if (((SparseMethod)adapter).MaskOf(tensor) is not { } mask) return base.Encode(adapter, tensor, key);
        return [new(key, tensor.Value.detach() * mask.Kept), new(key + End, mask.ToBits())];
    }

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        var method = (SparseMethod)adapter;
        var rest = saved.ToDictionary();
        foreach (var mask in method.Masks)
        {
            var key = Name(adapter, mask.Tensor)! + End;
            MaskBits.Require(saved, key, mask.Tensor.Value.numel(), file);
            rest.Remove(key);
        }
        base.Read(adapter, rest, file);
        method.TakeMasks(mask => saved[Name(adapter, mask.Tensor)! + End]);
        method.EncoderRestored();
    }
}
