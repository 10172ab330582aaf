using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Analysis.Combining;

/// <summary>What adapters change besides matrices: biases and norms. The base's value gains the weighted sum of the changes.</summary>
internal sealed class CombinedOthers(PeftModel model, IReadOnlyList<(PeftMethod Adapter, double Weight)> sources)
{
    /// <summary>True if an adapter changes a tensor of such a kind.</summary>
    public bool Changes(params SlotKind[] kinds)
    {
        using var scope = NewDisposeScope();
        return model.Model.Sites.Slots.Any(slot => kinds.Contains(slot.Kind) && !IsHead(slot)
            && sources.Any(source => Merged(slot, source.Adapter) is not null));
    }

    /// <summary>Fills the combined adapter's copies of base tensors, its head aside.</summary>
    public void Fill(PeftMethod adapter, CombinedHeads heads)
    {
        foreach (var tensor in adapter.Tensors.Where(t => !t.Local.StartsWith("lora_", StringComparison.Ordinal) && !heads.Owns(t)))
        {
            using var scope = NewDisposeScope();
            var name = tensor.Name.Replace(".base_layer.", ".", StringComparison.Ordinal);
            var slot = model.Model.Sites.Slots.First(s => s.Name == name);
            var sum = slot.Value;
            foreach (var (source, weight) in sources)
                if (Merged(slot, source) is { } merged) sum = sum.Plus(merged.Plus(slot.Value, -1), weight);
            tensor.Value.copy_(sum);
        }
    }

    private bool IsHead(Slot slot) => model.Model.SavedModules.Any(module => Targets.IsSavedModule(slot.Module, module));

    private Tensor? Merged(Slot slot, PeftMethod source) =>
        Merger.MergedValue(model.Model.Sites, slot, source.Tag, source.Options.PeftType);
}
