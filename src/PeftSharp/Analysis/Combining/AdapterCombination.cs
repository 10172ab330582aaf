using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis.Combining;

/// <summary>
/// Makes a new adapter of others. What changes weights is combined as changes of weights, whatever the methods: ΔW of each adapter is what
/// merging would add (scales, biases and magnitudes included), and the result is a LoRA whose scale is 1. What does not is averaged
/// tensor by tensor.
/// </summary>
public static class AdapterCombination
{
    private const string ByMean =
        "adapters of one method with equal settings are combined by the mean of their tensors (CombineMethod.Mean; peft combine "
        + "--how mean)";

    /// <summary>Adds the new adapter to the model, beside those that it is made of.</summary>
    /// <param name="model">The base with the adapters, none merged.</param>
    /// <param name="sources">The adapters with their weights: finite numbers, negative ones included.</param>
    /// <param name="options">How.</param>
    /// <param name="name">Name of the new adapter.</param>
    /// <exception cref="PeftException">The adapters cannot be combined so; nothing is changed then.</exception>
    public static CombinedAdapter Combine(
        PeftModel model, IReadOnlyList<(PeftMethod Adapter, double Weight)> sources, CombineOptions? options = null,
            string name = "combined")
    {
        options ??= new();
        options.Validate();
        if (sources.Count == 0) throw new PeftException("There is nothing to combine; name at least one adapter.");
        foreach (var (adapter, weight) in sources)
        {
            adapter.RequireAttached();
            if (!double.IsFinite(weight))
                throw new PeftException($"The weight of \"{adapter.Name}\" is {weight}; expected a finite number.");
        }
        using var guard = no_grad();
        var heads = CombinedHeads.Of(model, sources, options.Head);
        if (options.How == CombineMethod.Mean) return new(TensorMean.Of(model, sources, heads, name), 1);
        // Refuses what is no change of weights, before anything is made.
        foreach (var (adapter, _) in sources) RequireChangeOfWeights(model, adapter);
        using var scope = NewDisposeScope();
        var matrices = new MatrixSources(model, sources);
        var factors = matrices.Places().ToDictionary(place => place, place => Factors(matrices, place, options));
        var combined = Attach(model, sources, factors, name, heads);
        return new(combined, Kept(factors.Values));
    }

    private static void RequireChangeOfWeights(PeftModel model, PeftMethod adapter)
    {
        try
        {
            Merger.ChangedSlots(model.Model.Sites, adapter.Tag, adapter.Options.PeftType);
        }
        catch (PeftException refusal)
        {
            throw new PeftException(
                $"\"{adapter.Name}\" is not combined as a change of weights, for {refusal.Message.TrimEnd('.')}; {ByMean}.", refusal);
        }
    }

    private static CombinedMatrix Factors(MatrixSources matrices, MatrixPlace place, CombineOptions options)
    {
        using var scope = NewDisposeScope();
        var made = options.How == CombineMethod.Cat && options.Energy is null ? Sum(matrices, place, options.Rank)
            : Cut(matrices, place, options);
        made.Left.MoveToOuterDisposeScope();
        made.Right.MoveToOuterDisposeScope();
        return made;
    }

    private static CombinedMatrix Sum(MatrixSources matrices, MatrixPlace place, int? rank)
    {
        var exact = matrices.ExactRank(place);
        if (exact is null && rank is null)
            throw new PeftException(
                $"One of the adapters changes the whole matrix at {place.Path}, so the sum has no low rank that would be exact; give "
                + "a rank, or a share of the energy to keep.");
        if (exact is not { } most || rank < most) return Cut(matrices, place, new() { How = CombineMethod.Svd, Rank = rank });
        var (left, right) = matrices.Joined(place);
        return new(left, right, 1, 1);
    }

    private static CombinedMatrix Cut(MatrixSources matrices, MatrixPlace place, CombineOptions options)
    {
        var rank = options.Rank ?? (options.Energy is null ? matrices.LargestRank(place) : int.MaxValue)
            ?? throw new PeftException(
                $"One of the adapters changes the whole matrix at {place.Path}, so no rank follows from them; give a rank, or a share "
                + "of the energy to keep.");
        var changes = matrices.Dense(place);
        var seeds = changes.Select(one => SeedSequence.Derive(options.Seed, $"{one.Adapter.Name} at {place.Path}")).ToList();
        var sum = TaskVectors.Combine([.. changes.Select(one => (one.Change, one.Weight))], options, seeds);
        var (u, s, v) = new DenseDelta(sum).Leading(rank);
        var squares = s.Squared().cpu().data<double>().ToArray();
        var all = sum.Squared().sum().item<double>();
        var keep = options.Energy is { } energy ? Needed(squares, energy * all) : squares.Length;
        var root = s.narrow(0, 0, keep).sqrt();
        return new(u.narrow(1, 0, keep) * root, (v.narrow(1, 0, keep) * root).t(), squares.Take(keep).Sum(), all);
    }

    // How many of the leading squares reach a sum; one at least.
    private static int Needed(double[] squares, double sum)
    {
        var (count, soFar) = (0, 0.0);
        while (count < squares.Length && (count == 0 || soFar < sum * (1 - 1e-12))) soFar += squares[count++];
        return count;
    }

    private static double Kept(IEnumerable<CombinedMatrix> matrices)
    {
        var (kept, all) = (matrices.Sum(matrix => matrix.Kept), matrices.Sum(matrix => matrix.All));
        return all == 0 ? 1 : Math.Min(1, kept / all);
    }

    private static PeftMethod Attach(
        PeftModel model, IReadOnlyList<(PeftMethod Adapter, double Weight)> sources, Dictionary<MatrixPlace, CombinedMatrix> factors,
            string name, CombinedHeads heads)
    {
        if (factors.Count == 0)
            throw new PeftException(
                "None of the adapters changes a matrix of the layers, so there is nothing to combine as low-rank updates; "
                + $"{ByMean}.");
        var others = new CombinedOthers(model, sources);
        var rank = factors.Values.GroupBy(matrix => matrix.Rank).MaxBy(group => group.Count())!.Key;
        // An exact path as a pattern; the scale is alpha / rank = 1 everywhere.
        var own = factors.Where(pair => pair.Value.Rank != rank).ToDictionary(
            pair => System.Text.RegularExpressions.Regex.Escape(pair.Key.Path), pair => pair.Value.Rank);
        var lora = new LoraOptions
        {
            Rank = rank,
            Alpha = rank,
            RankPattern = own,
            AlphaPattern = own.ToDictionary(pair => pair.Key, pair => (double)pair.Value),
            TargetModules = new Targets([.. factors.Keys.Select(place => place.Path)]),
            Bias = others.Changes(SlotKind.Bias, SlotKind.NormBias) ? "all" : "none",
            ModulesToSave = others.Changes(SlotKind.NormWeight) ? [.. model.Model.Sites.Norms.Select(n => n.Weight.Module)] : null,
        };
        var adapter = model.Add(lora, name, outputs: heads.Outputs);
        try
        {
            Fill(adapter, factors);
            others.Fill(adapter, heads);
            heads.Fill(model, adapter);
            return adapter;
        }
        catch
        {
            model.Remove(name);
            throw;
        }
    }

    private static void Fill(PeftMethod adapter, Dictionary<MatrixPlace, CombinedMatrix> factors)
    {
        var tensors = adapter.Tensors.ToDictionary(t => t.Name, t => t.Value);
        foreach (var (place, matrix) in factors)
        {
            // In an embedding the factors change places: the table gains (B · A)ᵀ.
            var isTable = place.Group == MatrixGroup.Embeddings;
            tensors[$"{place.Path}.{(isTable ? "lora_embedding_A" : "lora_A.weight")}"].copy_(isTable ? matrix.Left.t() : matrix.Right);
            tensors[$"{place.Path}.{(isTable ? "lora_embedding_B" : "lora_B.weight")}"].copy_(isTable ? matrix.Right.t() : matrix.Left);
        }
    }
}
