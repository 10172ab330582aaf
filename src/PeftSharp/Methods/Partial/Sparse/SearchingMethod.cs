using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Sparse;

/// <summary>
/// A method that finds by training which entries it keeps: a first phase trains everything that may be chosen, a second one the chosen
/// entries alone.
/// </summary>
/// <remarks>
/// The first phase begins with <see cref="OnPrepare"/> and ends with <see cref="OnPhase"/>. Outside of it the adapter is whole: as many
/// entries are trained as it will keep, before the first phase those with the largest magnitudes outside the embedding tables. An adapter
/// that was read from a file, or whose entries were found before, goes on with them.
/// </remarks>
internal abstract class SearchingMethod(string name) : SparseMethod(name)
{
    private const string Searching = "searching";

    /// <summary>True in the first phase, in which everything that may be chosen is trained.</summary>
    public bool IsSearching { get; private set; }

    /// <summary>The name of the first phase.</summary>
    private protected abstract string Search { get; }

    /// <summary>The share of a run's steps that the first phase takes, between 0 and 1.</summary>
    private protected abstract double SearchShare { get; }

    /// <summary>Lets everything that may be chosen be trained.</summary>
    private protected abstract void BeginSearch();

    /// <summary>Chooses by what the first phase found.</summary>
    private protected abstract void ChooseFound();

    /// <summary>Takes back what <see cref="BeginSearch"/> did.</summary>
    private protected abstract void EndSearch();

    /// <inheritdoc/>
    public override IReadOnlyList<TrainingPhase> Phases =>
        ChosenBy == Saved ? [] : [new(Search, SearchShare), new("sparse", 1 - SearchShare)];

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(() => IsSearching = false);
        base.OnAttach(host);
    }

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data)
    {
        if (IsSearching || ChosenBy != Magnitude) return;
        data.Cancellation.ThrowIfCancellationRequested();
        if (data.Examples.FirstOrDefault()?.Trunk is not null)
            throw new PeftException(
                $"{Options.PeftType} trains every layer in its first phase, which a cached trunk lacks; leave cache_trunk out.");
        StartSearch();
    }

    /// <inheritdoc/>
    internal override Action? Rehearse()
    {
        if (IsSearching || ChosenBy != Magnitude) return null;
        StartSearch();
        return () =>
        {
            StopSearch();
            using var guard = no_grad();
            ChooseAtStart();
        };
    }

    /// <inheritdoc/>
    public override void OnPhase(int phase)
    {
        if (!IsSearching) return;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        ChooseFound();
        StopSearch();
    }

    private void StartSearch()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        Train([], Magnitude);
        BeginSearch();
        IsSearching = true;
    }

    private void StopSearch()
    {
        EndSearch();
        IsSearching = false;
    }

    /// <inheritdoc/>
    public override JsonNode? StateJson
    {
        get
        {
            var json = (JsonObject)base.StateJson!;
            json[Searching] = IsSearching;
            return json;
        }
    }

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        var searching = (json as JsonObject)?[Searching] is JsonValue value && value.TryGetValue<bool>(out var told) && told;
        if (searching && tensors.Count > 0)
            throw new PeftException(
                $"The saved training state of {Options.PeftType} names chosen weights although it has not chosen yet; resume from another "
                + "checkpoint.");
        base.RestoreState(tensors, json);
        if (IsSearching && !searching) StopSearch();
        else if (searching && !IsSearching) StartSearch();
    }
}
