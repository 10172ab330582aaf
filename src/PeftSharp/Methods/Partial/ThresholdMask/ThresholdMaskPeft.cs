using PeftSharp.Interop;
using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.ThresholdMask;

/// <summary>
/// Learned masks in peft's format, which has no such method: <c>WEIGHT.mask</c>, one bit for each entry, the lowest of a byte first.
/// </summary>
/// <remarks>Entries are counted as the checkpoint has them: a tensor that it keeps turned (GPT-2) is counted turned.</remarks>
internal sealed class ThresholdMaskPeft : PeftLayout
{
    private const string Bits = "weight.mask";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        Slot(adapter, tensor) is null ? base.Name(adapter, tensor) : $"{Prefix}{tensor.Path}.{Bits}";

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        Slot(adapter, tensor) is null
            ? base.ReferenceName(adapter, tensor)
            : $"scores.{tensor.Path[Math.Max(0, tensor.Path.IndexOf("layer.", StringComparison.Ordinal))..]}";

    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key) =>
        ((ThresholdMaskMethod)adapter).MaskOf(tensor) is { } mask
            ? [new(key, Packed(IsTurned(adapter, tensor) ? mask.t() : mask))]
            : base.Encode(adapter, tensor, key);

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var rest = saved.ToDictionary();
        foreach (var tensor in adapter.Tensors.Where(t => Slot(adapter, t) is not null))
        {
            var (key, shape) = (Name(adapter, tensor)!, tensor.Value.shape);
            var entries = tensor.Value.numel();
            SavedTensor.Require(saved, key, [(entries + 7) / 8], file);
            var bits = saved[key].dtype == ScalarType.Byte ? Unpacked(saved[key]) : null;
            if (bits is null || bits.narrow(0, entries, bits.shape[0] - entries).any().item<bool>())
                throw new PeftException(
                    $"{file}: \"{key}\" does not hold one bit for each of {entries:N0} weights; the file is damaged, or "
                    + "another program's.");
            var mask = bits.narrow(0, 0, entries);
            rest[key] =
                ((ThresholdMaskMethod)adapter).ScoresOf(IsTurned(adapter, tensor) ? mask.view(shape[1], shape[0]).t() : mask.view(shape));
        }
        base.Read(adapter, rest, file);
    }

    private static Slot? Slot(PeftMethod adapter, AdapterTensor tensor) => ((ThresholdMaskMethod)adapter).SlotOf(tensor);

    private static bool IsTurned(PeftMethod adapter, AdapterTensor tensor) =>
        Slot(adapter, tensor) is WeightSlot { IsTransposedOnDisk: true };

    private static Tensor Powers(Device device) => tensor((int[])[1, 2, 4, 8, 16, 32, 64, 128], device: device);

    private static Tensor Packed(Tensor mask)
    {
        var flat = mask.reshape(-1).to(ScalarType.Int32);
        var missing = (8 - flat.shape[0] % 8) % 8;
        if (missing > 0) flat = cat([flat, zeros(missing, ScalarType.Int32, flat.device)]);
        return (flat.view(-1, 8) * Powers(flat.device)).sum(1).to(ScalarType.Byte);
    }

    private static Tensor Unpacked(Tensor bytes) =>
        bytes.to(ScalarType.Int32).unsqueeze(1).bitwise_and(Powers(bytes.device)).IsNot(0).reshape(-1);
}
