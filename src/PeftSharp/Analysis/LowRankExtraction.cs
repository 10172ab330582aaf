using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>
/// Writes what any mergeable adapter, a full fine-tuning above all, does to a model's matrices as a LoRA of a given rank: each ΔW is cut to
/// its leading singular triplets, which no matrix of that rank comes closer to (Eckart and Young 1936). Biases, norms and the head are
/// taken over as they are.
/// </summary>
public static class LowRankExtraction
{
    /// <summary>Adds the extracted adapter to the model, beside the one that it comes from.</summary>
    /// <param name="model">The base with the adapter, not merged.</param>
    /// <param name="source">The adapter.</param>
    /// <param name="rank">The rank; at least 1.</param>
    /// <param name="name">Name of the new adapter.</param>
    /// <returns>The new adapter and the share of the matrices' energy that it keeps.</returns>
    /// <exception cref="PeftException">The adapter does something that is no change of weights, or changes no matrix.</exception>
    public static (PeftMethod Adapter, double Energy) Extract(PeftModel model, PeftMethod source, int rank, string name = "extracted")
    {
        using var guard = no_grad();
        var sites = model.Model.Sites;
        var changed = Merger.ChangedSlots(sites, source.Tag, source.Options.PeftType);
        var paths = ChangedMatrix.Of(model, source).Where(IsCut).Select(m => m.Place.Path).ToList();
        if (paths.Count == 0)
            throw new PeftException(
                $"{source.Options.PeftType} changes no matrix of the layers, so there is nothing to write as low-rank updates; take an "
                + "adapter that does.");
        RequireExpressible(sites, source, changed);
        var options = new LoraOptions
        {
            Rank = rank,
            Alpha = rank,
            TargetModules = new Targets(paths),
            Bias = changed.Any(slot => slot.Kind is SlotKind.Bias or SlotKind.NormBias) ? "all" : "none",
            ModulesToSave = changed.Any(slot => slot.Kind == SlotKind.NormWeight) ? [.. sites.Norms.Select(n => n.Weight.Module)] : null,
        };
        var adapter = model.Add(options, name);
        try
        {
            foreach (var tensor in adapter.Tensors.Where(t => !t.Local.StartsWith("lora_", StringComparison.Ordinal)))
                TakeOver(sites, source, tensor);
            return (adapter, Fill(model, source, adapter, rank));
        }
        catch
        {
            model.Remove(name);
            throw;
        }
    }

    // A LoRA of a table leaves a head that is the table as it was, and tables that are no embedding of tokens have no LoRA.
    private static void RequireExpressible(SiteMap sites, PeftMethod source, HashSet<Slot> changed)
    {
        var tied = sites.Projections.Any(p => p.Weight is TiedSlot);
        bool HasLora(Slot table) => !tied && sites.Embeddings.Any(e => e.Table == table);
        if (changed.FirstOrDefault(slot => slot.Kind == SlotKind.Embedding && !HasLora(slot)) is not { } lost) return;
        var why = tied ? "the output head reads too" : "is no table of tokens";
        throw new PeftException(
            $"{source.Options.PeftType} changes \"{lost.Name}\", which {why}: a LoRA cannot say that; serve the adapter, or merge it.");
    }

    // The head is saved whole with every adapter.
    private static bool IsCut(ChangedMatrix matrix) => matrix.Place.Group != MatrixGroup.Head;

    private static void TakeOver(SiteMap sites, PeftMethod source, AdapterTensor tensor)
    {
        using var scope = NewDisposeScope();
        var name = tensor.Name.Replace(".base_layer.", ".", StringComparison.Ordinal);
        var slot = sites.Slots.First(s => s.Name == name);
        tensor.Value.copy_(Merger.MergedValue(sites, slot, source.Tag, source.Options.PeftType) ?? slot.Value);
    }

    private static double Fill(PeftModel model, PeftMethod source, PeftMethod adapter, int rank)
    {
        var tensors = adapter.Tensors.ToDictionary(t => t.Name, t => t.Value);
        double kept = 0, all = 0;
        foreach (var matrix in ChangedMatrix.Of(model, source).Where(IsCut))
        {
            using var scope = NewDisposeScope();
            var (u, s, v) = matrix.Delta.Leading(rank);
            var (left, right) = (u * s.sqrt(), v * s.sqrt());                    // [rows, k], [columns, k]: ΔW ≈ left · rightᵀ
            var path = matrix.Place.Path;
            // In an embedding the factors change places: the table gains (B · A)ᵀ.
            if (matrix.Place.Group == MatrixGroup.Embeddings)
                Put(tensors[$"{path}.lora_embedding_A"], left.t(), tensors[$"{path}.lora_embedding_B"], right);
            else Put(tensors[$"{path}.lora_A.weight"], right.t(), tensors[$"{path}.lora_B.weight"], left);
            kept += s.Squared().sum().item<double>();
            all += matrix.Delta.SingularValues().Sum(value => value * value);
        }
        return all == 0 ? 1 : kept / all;
    }

    // A matrix may have fewer singular values than the rank: the rest of the factors is zero.
    private static void Put(Tensor a, Tensor aValue, Tensor b, Tensor bValue)
    {
        a.zero_();
        b.zero_();
        a.narrow(0, 0, aValue.shape[0]).copy_(aValue);
        b.narrow(1, 0, bValue.shape[1]).copy_(bValue);
    }
}
