using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Composition;

// Adapters that are written into the weights.
public sealed partial class PeftModel
{
    /// <summary>What is written into the weights at present: an adapter's name, an expression of several, or null.</summary>
    public string? Merged => Model.Sites.Merged?.Composition.ToString();

    /// <summary>
    /// Writes an adapter, or several by an expression (<c>stack(a,b)</c>, <c>average(a:0.3,b:0.7)</c>), into the weights: no cost at
    /// inference. The base's own tensors are kept for <see cref="Unmerge"/>. Calls that begin afterwards see it; calls under way do not.
    /// </summary>
    /// <exception cref="PeftException">The method cannot be merged, or something is merged already; nothing is changed then.</exception>
    public void Merge(string name)
    {
        lock (_adapters.Gate)
        {
            if (Merged is not null) throw new PeftException($"The adapter \"{Merged}\" is merged already; unmerge it first.");
            Merge(Compose(name));
        }
    }

    /// <inheritdoc cref="Merge(string)"/>
    public void Merge(AdapterComposition composition)
    {
        lock (_adapters.Gate)
        {
            if (Merged is not null) throw new PeftException($"The adapter \"{Merged}\" is merged already; unmerge it first.");
            if (composition.Outputs is { } own)
                throw new PeftException(
                    $"The adapter \"{composition}\" has a head of {own} outputs, the base one of {Model.Head.Outputs}; load the base with "
                    + "the adapter's labels to merge it.");
            var values = new Dictionary<Slot, IDisposable>();
            try
            {
                using var guard = no_grad();
                using var scope = NewDisposeScope();
                foreach (var (slot, value) in Merger.MergedValues(Model.Sites, composition, NameOf(composition)))
                    values.Add(slot, slot.Keep(value));
            }
            catch
            {
                foreach (var value in values.Values) value.Dispose();
                throw;
            }
            Model.Sites.Merged = new MergedWeights(composition, values);
        }
    }

    // For refusals: the method where there is one.
    private string NameOf(AdapterComposition composition) =>
        composition is AdapterComposition.One one && Adapters.Values.FirstOrDefault(a => a.Tag == one.Adapter) is { } adapter
            ? adapter.Options.PeftType
            : composition.ToString()!;

    /// <summary>Puts the base's own tensors back, bit for bit, for the calls that begin from now on.</summary>
    public void Unmerge()
    {
        lock (_adapters.Gate)
        {
            var merged = Model.Sites.Merged;
            Model.Sites.Merged = null;
            merged?.Close();
        }
    }
}
