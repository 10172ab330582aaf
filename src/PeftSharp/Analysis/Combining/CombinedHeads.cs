using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Methods;
using static TorchSharp.torch;

namespace PeftSharp.Analysis.Combining;

/// <summary>The head of a combination: one adapter's, or the mean of those that answer the same labels.</summary>
internal sealed class CombinedHeads
{
    private const string NameOne =
        "name the adapter whose head the combination is to have (CombineOptions.Head; peft combine --head FOLDER)";

    private readonly IReadOnlyList<(PeftMethod Adapter, double Weight)> _heads;

    private CombinedHeads(IReadOnlyList<(PeftMethod, double)> heads) => _heads = heads;

    /// <summary>Outputs of the head; null for as many as the base's.</summary>
    public int? Outputs => _heads[0].Adapter.Tag.Outputs;

    /// <summary>Decides whose head it is.</summary>
    /// <exception cref="PeftException">There is none of the name, or the heads answer different labels.</exception>
    public static CombinedHeads Of(PeftModel model, IReadOnlyList<(PeftMethod Adapter, double Weight)> sources, string? named)
    {
        if (named is not null)
        {
            var one = sources.FirstOrDefault(source => source.Adapter.Name == named).Adapter
                ?? throw new PeftException(
                    $"The head of {Quoted.Name(named)} was asked for, which is not among the adapters "
                    + $"{string.Join(", ", sources.Select(s => s.Adapter.Name))}.");
            return new([(one, 1)]);
        }
        var heads = sources.Where(source => source.Adapter.Tensors.Any(t => t.SavedModule && source.Adapter.IsHead(t.Path))).ToList();
        if (heads.Count == 0) return new([(sources[0].Adapter, 1)]);
        var first = model.CardOf(heads[0].Adapter);
        foreach (var (adapter, _) in heads.Skip(1))
        {
            var (outputs, labels) = (adapter.Tag.Outputs, model.CardOf(adapter).Labels);
            if (outputs != heads[0].Adapter.Tag.Outputs || !(labels ?? []).SequenceEqual(first.Labels ?? []))
                throw new PeftException(
                    $"The adapters \"{heads[0].Adapter.Name}\" and \"{adapter.Name}\" answer different labels, so their heads have no "
                    + $"mean; {NameOne}.");
        }
        var sum = heads.Sum(head => head.Weight);
        if (heads.Count > 1 && !(sum > 0))
            throw new PeftException($"The weights add up to {sum}, so the heads have no mean; {NameOne}.");
        return new([.. heads.Select(head => (head.Adapter, heads.Count == 1 ? 1 : head.Weight / sum))]);
    }

    /// <summary>True if a tensor of the combined adapter belongs to its head.</summary>
    public bool Owns(AdapterTensor tensor) => tensor.SavedModule && _heads[0].Adapter.IsHead(tensor.Path);

    /// <summary>Fills the combined adapter's head, and says what it answers.</summary>
    public void Fill(PeftModel model, PeftMethod adapter)
    {
        foreach (var tensor in adapter.Tensors.Where(Owns))
        {
            using var scope = NewDisposeScope();
            var each = _heads.Select(head => (Found: head.Adapter.Tensors.FirstOrDefault(t => t.SavedModule && t.Name == tensor.Name),
                head.Weight)).ToList();
            // A source without a head of its own has the base's, which the new adapter starts from.
            if (each.Exists(one => one.Found is null)) continue;
            tensor.Value.copy_(each.Select(one => one.Found!.Value.detach().Times(one.Weight)).Aggregate((sum, next) => sum.Plus(next)));
        }
        model.Describe(adapter, model.CardOf(_heads[0].Adapter));
    }
}
