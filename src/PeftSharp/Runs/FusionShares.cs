using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Models;
using PeftSharp.Runs.Rows;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Runs;

/// <summary>How much each adapter of a fusion counts on rows: its share of the attention, which pruning goes by.</summary>
public sealed class FusionShares
{
    private readonly LoadedModel _loaded;

    private FusionShares(LoadedModel loaded, FusionMethod fusion, FusionWeights heard) =>
        (_loaded, Fusion, Weights) = (loaded, fusion, heard);

    /// <summary>The fusion.</summary>
    public FusionMethod Fusion { get; }

    /// <summary>The shares, of each residual branch and in the mean.</summary>
    public FusionWeights Weights { get; }

    /// <summary>The mean share of each adapter over all residual branches, in the fusion's order; they add up to 1.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Mean => [.. Fusion.FusedNames.Zip(Weights.Mean, KeyValuePair.Create)];

    /// <summary>Listens to a fusion while it answers rows.</summary>
    /// <param name="model">A model with a fusion, as its folder was loaded.</param>
    /// <param name="data">A file, a pattern, or a folder, of which the validation part is read; labels are not needed.</param>
    /// <param name="rows">So many rows at most. Default: 256.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="PeftException">Nothing is fused, or the rows are not what the model reads.</exception>
    public static FusionShares Of(LoadedModel model, string data, int rows = 256, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(data);
        var request = new DataRequest(data)
        {
            Kind = LabelKind.None,
            RequireLabels = false,
            Usual = model.Columns,
            Take = rows,
        };
        var fusion = FusionOf(model);
        using var texts = request.Load().Data;
        using var tokens = Encoders.Encode(
            texts, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(), Caller.Program, cancellation);
        model.RequireRowsLike(tokens.Origin);
        var heard = new FusionWeights();
        var added = model.Model.Model.Sites.AddedTokens(model.Selection);
        using var guard = no_grad();
        foreach (var batch in BatchPlan.ForEvaluation(tokens.Lengths, TokenBatch.TokensPerPass, added: added))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var input = tokens.CreateBatch(batch);
            // Every token is heard, not only those that the head reads.
            model.Model.Model.Forward(
                input, new ForwardContext { Selection = model.Selection, FusionListener = heard, AllTokens = true });
        }
        return new(model, fusion, heard);
    }

    /// <summary>
    /// The fusion without the adapters whose mean share is below <paramref name="least"/>: a new one with a copy of its tensors; what is
    /// left shares the attention. The two adapters with the largest shares stay in any case.
    /// </summary>
    /// <param name="least">The least share, above 0 and below 1.</param>
    /// <returns>The fusion of what stays; the model keeps the whole one as well.</returns>
    /// <exception cref="PeftException">The share is out of range.</exception>
    public FusionMethod Prune(double least)
    {
        if (!(least > 0 && least < 1))
            throw new PeftException($"The least share of the attention is {least}; expected a number above 0 and below 1.");
        var keep = Mean.OrderByDescending(share => share.Value).Where((share, i) => i < 2 || share.Value >= least)
            .Select(share => share.Key).ToHashSet();
        if (keep.Count == Mean.Count) return Fusion;
        var names = Fusion.FusedNames.Where(keep.Contains).ToList();
        return _loaded.Model.PruneFusion(Fusion, names);
    }

    private static FusionMethod FusionOf(LoadedModel model) => model.Model.Adapters.Values.OfType<FusionMethod>()
        .Where(fusion => model.Selection.Includes(fusion.Tag)).ToList() switch
    {
        [var one] => one,
        [] => throw new PeftException(
            $"{model.AdapterFolder ?? model.BaseFolder} fuses nothing; give a fusion with its adapters, such as "
            + "fuse[FUSION](FOLDER,FOLDER), or the folder that a run with fuse wrote."),
        _ => throw new PeftException("Several fusions act, and shares are those of one; give one fusion with its adapters."),
    };
}
