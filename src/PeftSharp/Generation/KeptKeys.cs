using PeftSharp.Composition;
using PeftSharp.Sites;

namespace PeftSharp.Generation;

/// <summary>Keys and values of a sequence that was read and answered, kept for the next one, which may begin alike.</summary>
/// <remarks>One thread at a time.</remarks>
internal sealed class KeptKeys : IDisposable
{
    private KeyValueCache? _cache;
    private PeftModel? _model;
    private AdapterSelection _selection = AdapterSelection.None;
    private MergedWeights? _merged;
    private int[] _ids = [];

    /// <summary>True if what is kept for one sequence can be of use for another that begins alike.</summary>
    /// <remarks>What acts on chosen tokens behind layers (ReFT) chooses them anew in a longer prompt.</remarks>
    public static bool Serves(PeftModel model, AdapterSelection selection)
    {
        var call = new ForwardContext { Selection = selection };
        return model.Model.Sites.Layers.TrueForAll(site => !site.Plugins.AnyActive(call));
    }

    /// <summary>Hands out what was computed for the beginning of a prompt.</summary>
    /// <param name="model">The model that is going to read it.</param>
    /// <param name="selection">Which adapters act: where these are others than before, or weights were merged since, nothing fits.</param>
    /// <param name="prompt">Token ids.</param>
    /// <returns>The cache, which is the caller's now, and for how many tokens it holds keys: fewer than the prompt has.</returns>
    public (KeyValueCache Cache, int Tokens) Take(PeftModel model, AdapterSelection selection, int[] prompt)
    {
        if (_cache is not { } cache) return (new(), 0);
        _cache = null;
        var fits = ReferenceEquals(_model, model) && ReferenceEquals(_merged, model.Model.Sites.Merged) && _selection.IsSame(selection);
        // At least one token has to be read for the next one.
        var common = fits ? Math.Min(_ids.AsSpan().CommonPrefixLength(prompt), prompt.Length - 1) : 0;
        if (common == 0) cache.Clear();
        else cache.DropLast(_ids.Length - common);
        return (cache, common);
    }

    /// <summary>Keeps what was computed.</summary>
    /// <param name="model">The model.</param>
    /// <param name="selection">Which adapters acted.</param>
    /// <param name="merged">What was merged when the first token was read.</param>
    /// <param name="ids">The tokens, whose keys the cache holds.</param>
    /// <param name="cache">The cache; it is no longer the caller's.</param>
    public void Keep(PeftModel model, AdapterSelection selection, MergedWeights? merged, int[] ids, KeyValueCache cache)
    {
        _cache?.Dispose();
        _cache = null;
        // What was merged meanwhile made some keys and not the others.
        if (!ReferenceEquals(merged, model.Model.Sites.Merged)) cache.Dispose();
        else (_model, _selection, _merged, _ids, _cache) = (model, selection, merged, ids, cache);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cache?.Dispose();
        _cache = null;
    }
}
