using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Layouts;

/// <summary>
/// Hugging Face peft's format: a tensor is called <c>base_model.model.</c> and its own name, settings have peft's names. It serves most
/// methods as it is, and methods that peft lacks as well, under names of the same kind.
/// </summary>
internal class PeftLayout : AdapterLayout
{
    /// <summary>What peft puts before the names of a model's modules.</summary>
    protected const string Prefix = "base_model.model.";

    /// <summary>The layout as it is.</summary>
    public static PeftLayout Plain { get; } = new();

    /// <inheritdoc/>
    public sealed override AdapterFormat Format => AdapterFormat.Peft;

    /// <summary>The settings that go with what is written; by default the adapter's own.</summary>
    public virtual MethodOptions SavedOptions(PeftMethod adapter) => adapter.Options;

    /// <inheritdoc/>
    public override string? Name(PeftMethod adapter, AdapterTensor tensor) => $"{Prefix}{tensor.Name}";

    /// <inheritdoc/>
    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        TakeEmbeddings(adapter, saved, file);
        base.Read(adapter, saved, file);
    }

    /// <inheritdoc/>
    public override bool MayLeaveOut(PeftMethod adapter, string key) => adapter.Host.Sites.Slots.Any(s => IsTable(adapter, s, key));

    // A head that stayed as it is in the base may be left out, if the settings do not name it; one that was drawn at random may not.
    private protected sealed override bool IsLeftToBase(PeftMethod adapter, AdapterTensor tensor, IReadOnlyDictionary<string, Tensor> saved)
    {
        if (!IsSavedHead(adapter, tensor) || adapter.Host.Drawn.Contains(tensor.Name)) return false;
        if (adapter.Options.Source is not { } source || source["modules_to_save"] is not null) return false;
        return !adapter.Tensors.Where(t => IsSavedHead(adapter, t)).Any(t => saved.ContainsKey(Name(adapter, t)!));
    }

    private static bool IsSavedHead(PeftMethod adapter, AdapterTensor tensor) => tensor.SavedModule && adapter.IsHead(tensor.Path);

    // peft saves whole embedding tables that were resized or adapted: equal to the base's they say nothing, else they count.
    private static void TakeEmbeddings(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        foreach (var slot in adapter.Host.Sites.Slots.Where(s => IsTable(adapter, s) && adapter.Tensors.All(t => t.Name != s.Name)))
            foreach (var key in TableNames(slot))
            {
                if (!saved.TryGetValue(key, out var table)) continue;
                if (!table.shape.SequenceEqual(slot.Value.shape))
                    throw new PeftException(
                        $"{file}: tensor \"{key}\" has {table.shape[0]} rows and the base's table {slot.Value.shape[0]}: tokens were "
                        + "added in "
                        + "training; expected a base whose vocabulary was extended in the same way: save the extended base in Python "
                        + "and give that.");
                using var own = slot.Value.to(table.dtype);
                using var given = table.to(own.device);
                using var same = own.eq(given).all();
                var local = key.EndsWith(BaseLayer, StringComparison.Ordinal) ? BaseLayer : null;
                if (!same.item<bool>()) adapter.TrainCopy(slot, local, savedModule: true);
            }
    }

    private const string BaseLayer = "base_layer.weight";

    private static string[] TableNames(Slot slot) => [$"{Prefix}{slot.Name}", $"{Prefix}{slot.Module}.{BaseLayer}"];

    private static bool IsTable(PeftMethod adapter, Slot slot, string key) => IsTable(adapter, slot) && TableNames(slot).Contains(key);

    // A table of embeddings, or the map that makes logits of as many tokens.
    private static bool IsTable(PeftMethod adapter, Slot slot) =>
        slot.Kind == SlotKind.Embedding || adapter.Host.Sites.Projections.Any(p => p.Role == ProjectionRole.Vocabulary && p.Weight == slot);
}
