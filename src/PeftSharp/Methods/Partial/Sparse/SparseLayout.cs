using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Sparse;

/// <summary>A slot's trained values in a file: <c>NAME.values</c>, and where they belong as <c>NAME.gaps</c> or <c>NAME.bits</c>.</summary>
/// <remarks>Files count entries as the checkpoint has them: a tensor that it keeps turned (GPT-2) is counted turned.</remarks>
internal static class SparseLayout
{
    /// <summary>The ends of the three names.</summary>
    public const string Values = ".values", Gaps = ".gaps", Bits = ".bits";

    /// <summary>The two tensors that are written for a slot.</summary>
    public static IEnumerable<KeyValuePair<string, Tensor>> Write(Slot slot, string place, Tensor values, Tensor kept)
    {
        var (positions, order) = OnDisk(slot, kept);
        var gaps = PositionCode.Gaps(positions);
        yield return new(place + Values, order is null ? values : values.detach().index_select(0, order));
        yield return gaps.Length <= (slot.Count + 7) / 8
            ? new(place + Gaps, tensor(gaps))
            : new(place + Bits, tensor(PositionCode.Bits(positions, slot.Count)));
    }

    /// <summary>Takes what belongs to a slot out of what was saved; no positions where there is nothing.</summary>
    /// <returns>Positions here, ascending, and the values in their order.</returns>
    /// <exception cref="PeftException">Positions are missing, or are not as many of the slot's entries as there are values.</exception>
    public static (long[] Positions, Tensor? Values) Read(Slot slot, string place, Dictionary<string, Tensor> saved, string file)
    {
        saved.Remove(place + Values, out var values);
        var isGaps = saved.Remove(place + Gaps, out var code);
        if (!isGaps) saved.Remove(place + Bits, out code);
        if (values is null && code is null) return ([], null);
        if (values is null || code is null)
        {
            var missing = values is null ? $"\"{place}{Values}\"" : $"\"{place}{Gaps}\" or \"{place}{Bits}\"";
            throw new PeftException(
                $"{file}: tensor {missing} is missing: values and their places belong together; save the adapter again.");
        }
        var positions = Positions(slot, values, code, isGaps) ?? throw new PeftException(
            $"{file}: \"{place}{(isGaps ? Gaps : Bits)}\" does not name as many of the {slot.Count:N0} entries of \"{slot.Name}\" "
            + "as there are values; the adapter was made for another base model, or the file is damaged.");
        return InMemory(slot, positions, values);
    }

    private static long[]? Positions(Slot slot, Tensor values, Tensor code, bool isGaps)
    {
        if (values.dim() != 1 || values.numel() == 0 || code.dim() != 1 || code.dtype != ScalarType.Byte) return null;
        var bytes = code.cpu().contiguous().data<byte>().ToArray();
        return isGaps ? PositionCode.FromGaps(bytes, values.numel(), slot.Count) : PositionCode.FromBits(bytes, values.numel(), slot.Count);
    }

    private static (long[] Positions, Tensor? Order) OnDisk(Slot slot, Tensor kept)
    {
        var positions = kept.cpu().data<long>().ToArray();
        if (slot is not WeightSlot { IsTransposedOnDisk: true }) return (positions, null);
        var (outputs, inputs) = (slot.Value.shape[0], slot.Value.shape[1]);
        return Sorted(positions, p => p % inputs * outputs + p / inputs, kept.device);
    }

    private static (long[] Positions, Tensor Values) InMemory(Slot slot, long[] found, Tensor values)
    {
        if (slot is not WeightSlot { IsTransposedOnDisk: true }) return (found, values);
        var (outputs, inputs) = (slot.Value.shape[0], slot.Value.shape[1]);
        var (positions, order) = Sorted(found, p => p % outputs * inputs + p / outputs, values.device);
        return (positions, values.index_select(0, order));
    }

    private static (long[] Positions, Tensor Order) Sorted(long[] positions, Func<long, long> turn, Device device)
    {
        var turned = Array.ConvertAll(positions, p => turn(p));
        var order = Enumerable.Range(0, turned.Length).Select(i => (long)i).ToArray();
        Array.Sort(turned, order);
        return (turned, tensor(order, ScalarType.Int64, device: device));
    }
}
