using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>
/// Start values from the data (EVA, Paischer et al. 2024, arXiv 2410.07170): A takes the principal directions of what a map reads, and the
/// ranks of all maps together go where the directions explain most.
/// </summary>
internal sealed class EvaStart(EvaOptions options, IReadOnlyList<AdaptedMap> maps, AdapterTag tag) : IDisposable
{
    private readonly IncrementalComponents[] _found = [.. maps.Select(map => new IncrementalComponents(Most(map, options.Rho)))];

    private static int Most(AdaptedMap map, double rho) =>
        (int)Math.Min(Math.Min(map.Site.InFeatures, map.Site.OutFeatures), (long)Math.Floor(map.Rank * rho));

    /// <summary>
    /// Each map's first factor, [its new rank, in], in the caller's dispose scope; the ranks sum up to what they did, or to as many
    /// directions as there are.
    /// </summary>
    /// <exception cref="PeftException">The data has no example to look at.</exception>
    public IReadOnlyList<Tensor> Find(PreparationData data)
    {
        Look(data);
        var ranks = Ranks();
        return [.. _found.Zip(ranks, (found, rank) => found.Directions.narrow(0, 0, rank).clone())];
    }

    private void Look(PreparationData data)
    {
        using var guard = no_grad();
        Tensor? labelled = null;
        var seen = false;
        var undo = maps.Select((map, i) => map.Site.Plugins.Add(tag, new Listener(x => Add(_found[i], x, labelled)))).ToList();
        try
        {
            foreach (var example in data.Examples)
            {
                data.Cancellation.ThrowIfCancellationRequested();
                if (example.Trunk is not null)
                    throw new PeftException(
                        "LORA: the start \"eva\" needs what every layer reads, which a cached trunk lacks; leave cache_trunk out.");
                using var scope = NewDisposeScope();
                labelled = Labelled(example);
                data.Logits(example);
                seen = true;
                if (_found.All(f => f.IsSettled)) break;
            }
        }
        finally
        {
            foreach (var action in undo) action();
        }
        if (!seen || _found.Any(f => f.IsEmpty))
            throw new PeftException(
                "LORA: the start \"eva\" looks at labelled training data, and there is none; check the rows to train on and their labels.");
    }

    private Tensor? Labelled(TokenBatch example) => options.UseLabelMask && example.Labels is { } labels && labels.dim() == 2
        ? labels[0].IsNot(options.LabelMaskValue).nonzero().view(-1) : null;

    private void Add(IncrementalComponents found, Tensor x, Tensor? labelled)
    {
        if (found.IsSettled) return;
        using var scope = NewDisposeScope();
        var vectors = x.reshape(-1, x.shape[^1]);
        if (labelled is not null && vectors.shape[0] > labelled.shape[0] && x.dim() == 3) vectors = vectors.index_select(0, labelled);
        found.Add(vectors, options.Tau);
    }

    private int[] Ranks()
    {
        if (options.Rho == 1) return [.. maps.Zip(_found, (map, found) => (int)Math.Min(map.Rank, found.Directions.shape[0]))];
        var budget = maps.Sum(m => m.Rank);
        var ranks = new int[maps.Count];
        // Of two directions that explain as much, the earlier map's comes first.
        var directions = _found.SelectMany((found, map) => found.Shares.Select(share => (Map: map, Share: share)));
        foreach (var (map, _) in directions.OrderByDescending(d => d.Share).Take(budget)) ranks[map]++;
        return ranks;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var found in _found) found.Dispose();
    }

    private sealed class Listener(Action<Tensor> hear) : IProjectionInput
    {
        public Tensor Input(Tensor x, ForwardContext context)
        {
            hear(x);
            return x;
        }
    }
}
