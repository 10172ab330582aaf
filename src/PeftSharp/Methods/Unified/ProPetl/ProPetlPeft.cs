using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.ProPetl;

/// <summary>
/// Version 1 of the layout: the prototype under <c>prototype.PLACE</c>, PLACE being a module and a tensor without the layer's number; for
/// each matrix of each layer <c>NAME.mask</c>, uint8, one bit an entry (<see cref="MaskBits"/>); the head and the rest as in any adapter.
/// </summary>
internal sealed class ProPetlPeft : PeftLayout
{
    private const string End = ".mask";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        ((ProPetlMethod)adapter).SharedBy(tensor) is null ? base.Name(adapter, tensor)
        : $"{Prefix}{tensor.Name[..^ProPetlMethod.ScoresName.Length]}{End}";

    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key) =>
        ((ProPetlMethod)adapter).SharedBy(tensor) is { } shared
            ? [new(key, MaskBits.Pack(shared.Mask))]
            : base.Encode(adapter, tensor, key);

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var method = (ProPetlMethod)adapter;
        var (rest, masks) = (saved.ToDictionary(), new List<(MaskedPrototype Shared, Tensor Mask)>());
        foreach (var shared in method.Shared)
        {
            var key = Name(adapter, shared.Scores)!;
            MaskBits.Require(saved, key, shared.Scores.Value.numel(), file);
            var mask = MaskBits.Unpack(saved[key], shared.Scores.Value.shape);
            RequireCount(shared, mask, key, file);
            masks.Add((shared, mask));
            // The base class looks for a tensor of the scores' shape.
            rest[key] = shared.Scores.Value;
        }
        base.Read(adapter, rest, file);
        foreach (var (shared, mask) in masks) shared.Take(mask);
        method.EncoderRestored();
    }

    // Other counts than the settings say would be read as another mask.
    private static void RequireCount(MaskedPrototype shared, Tensor mask, string key, string file)
    {
        if (shared.KeptEntries is not { } expected) return;
        var counts = mask.reshape(shared.Layers, -1).sum(1, type: ScalarType.Int64).data<long>().ToArray();
        if (counts.FirstOrDefault(c => c != expected, expected) is var found && found != expected)
            throw new PeftException(
                $"{file}: the mask \"{key}\" keeps {found:N0} entries of a layer; its settings say {expected:N0}: settings and tensors do "
                + "not belong together.");
    }
}
