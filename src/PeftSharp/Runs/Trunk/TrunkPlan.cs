using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Data.Storage;
using PeftSharp.Models;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Trunk;

/// <summary>
/// How much of a model lies below the lowest place where its adapters act, and what it takes to keep what that part yields.
/// </summary>
public sealed class TrunkPlan
{
    private readonly bool _pooled;
    private readonly Dictionary<TokenizedDataset, int> _padding = [];
    private readonly DataStorage _storage;

    /// <summary>Finds the trunk.</summary>
    /// <param name="model">The model with its adapters attached.</param>
    /// <param name="selection">The adapters that act, the trained one among them.</param>
    /// <param name="data">The rows to be cached.</param>
    /// <param name="folder">Where to keep them; default: <c>peftsharp/scratch</c> in the user's folder for caches.</param>
    /// <exception cref="PeftException">An adapter acts in the first layer or below, so that there is no trunk.</exception>
    public TrunkPlan(PeftModel model, AdapterSelection selection, IReadOnlyList<TokenizedDataset> data, string? folder = null)
    {
        (Model, Selection, Data) = (model, selection, data);
        var transformer = model.Model;
        Layers = transformer.Layers;
        Depth = Find(transformer, selection);
        _pooled = Depth >= Layers && transformer.Head.Pools;
        Type = transformer.Precision;
        // A gate that reads padded positions too: they are kept as well then, as far as any row reaches.
        if (!_pooled && selection.Adapters.Any(a => a.NeedsPadding))
            foreach (var d in data) _padding[d] = d.Lengths.Max();
        _storage = new() { MemoryBytes = 0, Folder = folder };
        Bytes = data.Sum(d => Enumerable.Range(0, d.Count).Sum(row => RowBytes(d, row)));
    }

    /// <summary>Number of layers of the model.</summary>
    public int Layers { get; }

    /// <summary>Layers that are computed once; one more than the model has where the head's frozen pooler is in the trunk too.</summary>
    public int Depth { get; }

    /// <summary>
    /// Layers in which the base's own dropout is off, since they are computed once: see <see cref="ForwardOptions.LayersWithoutDropout"/>.
    /// </summary>
    public int LayersWithoutDropout => Math.Min(Depth, Layers);

    /// <summary>True if the trunk reaches through the head's frozen pooler.</summary>
    internal bool ThroughPooler => Depth > Layers;

    /// <summary>
    /// Bytes of disk that the cache will take: the vectors of each row's real tokens, or one vector a row where the trunk ends in the head.
    /// </summary>
    public long Bytes { get; }

    /// <summary>The folder whose disk will hold them.</summary>
    public string Folder => ScratchFile.FolderOf(_storage);

    internal PeftModel Model { get; }

    internal AdapterSelection Selection { get; }

    internal IReadOnlyList<TokenizedDataset> Data { get; }

    /// <summary>Refuses a cache for which the disk has no room.</summary>
    /// <exception cref="PeftException">The disk has less room than <see cref="Bytes"/>, or the folder cannot be made.</exception>
    internal void CheckRoom()
    {
        try
        {
            Directory.CreateDirectory(Folder);
            CheckRoom(new DriveInfo(Folder).AvailableFreeSpace);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new PeftException(
                $"The trunk's activations cannot be kept in {Folder}: {e.Message.TrimEnd('.')}; name another folder for the cache, or "
                + "leave cache_trunk out.",
                e);
        }
    }

    internal void CheckRoom(long free)
    {
        if (Bytes > free)
            throw new PeftException(
                $"The trunk's activations need {Bytes:N0} bytes, but the disk of {Folder} has {free:N0} free; free some space, name "
                + "another folder for the cache, or leave cache_trunk out.");
    }

    internal NumberStore<byte> CreateStore() => new(_storage, new ScratchUse("The trunk's activations", "leave cache_trunk out", Bytes));

    /// <summary>Element type of what is kept: that of the residual stream.</summary>
    internal ScalarType Type { get; }

    /// <summary>Bytes that a row takes.</summary>
    internal long RowBytes(TokenizedDataset data, int row) =>
        (long)VectorsOf(Math.Max(data.Lengths[row], LeastTokens(data))) * Model.Model.Width * Type.ElementSize();

    /// <summary>Vectors that so many tokens leave.</summary>
    internal int VectorsOf(int tokens) => _pooled ? 1 : tokens;

    /// <summary>Tokens to which batches are padded while the cache is built.</summary>
    internal int LeastTokens(TokenizedDataset data) => _padding.GetValueOrDefault(data);

    private static int Find(TransformerModel model, AdapterSelection selection)
    {
        if (!model.RunsInParts)
            throw new PeftException(
                $"There is no trunk to cache: models of type {model.Config.ModelType} do not run in parts yet; leave cache_trunk out.");
        var (layers, pooler) = (model.Layers, model.Head.Pooler);
        int DepthBelow(string module) => model.Sites.LayerOf(module) ?? (pooler is null || pooler.Path == module ? layers : layers + 1);
        var lowest = selection.Adapters
            .SelectMany(adapter => model.Sites.ActiveAt(adapter).Select(at => (Depth: DepthBelow(at.Module), adapter.Name, at.Seam)))
            .DefaultIfEmpty((Depth: DepthBelow(""), Name: "", Seam: "")).MinBy(at => at.Depth);
        if (lowest.Depth > 0) return lowest.Depth;
        throw new PeftException(
            $"There is no trunk to cache: the adapter \"{lowest.Name}\" acts at {lowest.Seam}, "
            + $"{(lowest.Depth < 0 ? "before the first layer" : "in the first layer")}; "
            + "let it act in higher layers alone, or leave cache_trunk out.");
    }
}
