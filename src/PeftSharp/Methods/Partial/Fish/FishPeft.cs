using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Fish;

/// <summary>A FISH mask in peft's format, which has no such method: trained values and their places (<see cref="FishLayout"/>).</summary>
internal sealed class FishPeft : PeftLayout
{
    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key) =>
        ((FishMethod)adapter).PlaceOf(tensor) is var (slot, positions)
            ? FishLayout.Write(slot, key[..^FishLayout.Values.Length], tensor.Value, positions)
            : base.Encode(adapter, tensor, key);

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var fish = (FishMethod)adapter;
        var rest = saved.ToDictionary();
        var read = fish.Slots.Select(slot => FishLayout.Read(slot, $"{Prefix}{slot.Name}", rest, file)).ToList();
        var (found, asked) = (read.Sum(r => (long)r.Positions.Length), fish.Count);
        if (found != asked)
        {
            throw new PeftException(
                $"{file}: {found:N0} trained weights are those of tensors of this model; \"keep\" {((FishOptions)adapter.Options).Keep} asks for "
                + $"{asked:N0} of them: the adapter was made for another base model, or tensors are missing.");
        }
        fish.TrainSaved([], []);
        base.Read(adapter, rest, file);
        fish.TrainSaved([.. read.Select(r => r.Positions)], read.Where(r => r.Positions.Length > 0).Select(r => r.Values!));
    }
}
