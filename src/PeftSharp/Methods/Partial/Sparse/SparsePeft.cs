using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Sparse;

/// <summary>
/// A sparse change of weights in peft's format, which has no such method: trained values and their places (<see cref="SparseLayout"/>).
/// </summary>
internal class SparsePeft : PeftLayout
{
    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key) =>
        ((SparseMethod)adapter).PlaceOf(tensor) is var (slot, positions)
            ? SparseLayout.Write(slot, key[..^SparseLayout.Values.Length], tensor.Value, positions)
            : base.Encode(adapter, tensor, key);

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var sparse = (SparseMethod)adapter;
        var rest = saved.ToDictionary();
        var read = sparse.Slots.Select(slot => SparseLayout.Read(slot, $"{Prefix}{slot.Name}", rest, file)).ToList();
        var (found, asked) = (read.Sum(r => (long)r.Positions.Length), sparse.Count);
        if (found != asked)
        {
            throw new PeftException(
                $"{file}: {found:N0} trained weights are those of tensors of this model; {sparse.Amount.Text} asks for "
                + $"{asked:N0} of them: the adapter was made for another base model, or tensors are missing.");
        }
        sparse.TrainSaved([], []);
        base.Read(adapter, rest, file);
        sparse.TrainSaved([.. read.Select(r => r.Positions)], read.Where(r => r.Positions.Length > 0).Select(r => r.Values!));
    }
}
