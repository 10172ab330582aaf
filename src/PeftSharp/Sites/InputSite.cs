using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The entry of an encoder or decoder, open to plug-ins.</summary>
public sealed class InputSite(SitePlace place)
{
    /// <summary>Where it stands.</summary>
    public SitePlace Place { get; } = place;

    /// <summary>The module whose input this is.</summary>
    public string Path => Place.Path;

    /// <summary>The plug-ins here.</summary>
    public PluginList<IInputPlugin> Plugins { get; } = new(place);

    /// <summary>Puts the active plug-ins' vectors of one stage into the sequence.</summary>
    public InputState Apply(InputStage stage, InputState state, ForwardContext context)
    {
        // What stands before a sequence came with the call that began it.
        if (context.Cache is { Length: > 0 } || !Plugins.AnyActive(context)) return state;
        List<Share<IInputPlugin>> active = [.. Plugins.Shares(context).ToArray().Where(share => share.Plugin.Stage == stage)];
        if (active.Count == 0) return state;
        if (active.Exists(share => share.Weight != 1)) throw Plugins.NoMean("A prompt");
        RequireRoom(Plugins.Shares(context).ToArray());
        if (context.Selection.IsPerRow) return ApplyPerRow(active, state, context.LastToken);
        foreach (var share in active) state = Insert(state, share);
        return state;
    }

    // Every row starts at the left, and those that are shorter than the longest are padded at the right; the other way round where the next
    // tokens follow.
    private static InputState ApplyPerRow(List<Share<IInputPlugin>> active, InputState state, bool endsAtRight)
    {
        var (rows, tokens) = (state.Embeddings.shape[0], state.Embeddings.shape[1]);
        state = new(
            state.Embeddings,
            state.Mask ?? ones([rows, tokens], dtype: ScalarType.Int64, device: state.Embeddings.device),
            state.TypeIds ?? zeros([rows, tokens], dtype: ScalarType.Int64, device: state.Embeddings.device),
            true);
        var groups = active.GroupBy(share => share.Part).Select(group =>
        {
            var chosen = group.First().Rows!;
            var some = new InputState(
                Rows.Select(state.Embeddings, chosen), Rows.Select(state.Mask!, chosen), Rows.Select(state.TypeIds!, chosen), true);
            foreach (var share in group) some = Insert(some, share);
            return (Rows: chosen, State: some);
        }).ToList();
        var longest = groups.Max(g => g.State.Embeddings.shape[1]);
        var result = Pad(state, longest, endsAtRight);
        foreach (var (chosen, some) in groups)
        {
            var padded = Pad(some, longest, endsAtRight);
            result = new(
                Rows.Put(result.Embeddings, padded.Embeddings, chosen),
                Rows.Put(result.Mask!, padded.Mask!, chosen),
                Rows.Put(result.TypeIds!, padded.TypeIds!, chosen),
                true);
        }
        return result;
    }

    private static InputState Pad(InputState state, long tokens, bool atLeft)
    {
        var (rows, missing) = (state.Embeddings.shape[0], tokens - state.Embeddings.shape[1]);
        if (missing == 0) return state;
        Tensor Extend(Tensor x)
        {
            var padding = zeros([rows, missing, .. x.shape[2..]], dtype: x.dtype, device: x.device);
            return cat(atLeft ? [padding, x] : [x, padding], 1);
        }
        return state with { Embeddings = Extend(state.Embeddings), Mask = Extend(state.Mask!), TypeIds = Extend(state.TypeIds!) };
    }

    /// <summary>Of each row, how many vectors a selection puts into it, and whether they stand after its first token.</summary>
    internal (long Length, bool AfterFirst)[] VectorsOfRows(AdapterSelection selection, long rows)
    {
        var vectors = new (long, bool)[rows];
        foreach (var part in selection.Parts)
        {
            var own = (Length(part), AfterFirst(part));
            if (part.Rows is null) Array.Fill(vectors, own);
            else
                foreach (var row in part.Rows) vectors[row] = own;
        }
        return vectors;
    }

    /// <summary>
    /// What is to be learnt of the vectors that a call puts before its sequences, with their places among all of them; every row has the
    /// same.
    /// </summary>
    internal IReadOnlyList<InputLabel> Labels(ForwardContext context)
    {
        if (context.Selection.IsPerRow || !Plugins.AnyActive(context)) return [];
        List<InputLabel> labels = [];
        var before = 0;
        // What was put before a sequence last stands first.
        foreach (var plugin in Plugins.Shares(context).ToArray().Select(share => share.Plugin).Reverse())
        {
            foreach (var label in plugin.Labels) labels.Add(label with { Place = before + label.Place });
            before += plugin.Length;
        }
        return labels;
    }

    /// <summary>
    /// Where the tokens of a batch stand among a selection's vectors, int64 [rows, tokens]; of padding alone, anywhere.
    /// </summary>
    /// <param name="selection">The adapters.</param>
    /// <param name="mask">1 at real tokens, int64 [rows, tokens].</param>
    internal Tensor TokenPlaces(AdapterSelection selection, Tensor mask)
    {
        var (rows, tokens) = (mask.shape[0], mask.shape[1]);
        var vectors = VectorsOfRows(selection, rows);
        var place = Arithmetic.Range(0, tokens, device: mask.device).unsqueeze(0);
        var moved = place.Plus(tensor(Array.ConvertAll(vectors, row => row.Length), [rows, 1], device: mask.device));
        if (!Array.Exists(vectors, row => row.AfterFirst)) return moved;
        var after = tensor(Array.ConvertAll(vectors, row => row.AfterFirst), [rows, 1], device: mask.device);
        return where(place.le(PaddedTokens.Leading(mask)).logical_and(after), place, moved);
    }

    /// <summary>True if a selection puts vectors after the first token of any row.</summary>
    internal bool AnyAfterFirst(AdapterSelection selection)
    {
        foreach (var part in selection.Parts)
            if (AfterFirst(part)) return true;
        return false;
    }

    private bool AfterFirst(SelectionPart part) => part.Leaves.Any(leaf => Plugins.Of(leaf.Adapter).Any(plugin => plugin.AfterFirst));

    private long Length(SelectionPart part) => part.Leaves.Sum(leaf => Plugins.Of(leaf.Adapter).Sum(plugin => (long)plugin.Length));

    // Among several adapters' vectors the first token is no longer the first.
    private static void RequireRoom(Share<IInputPlugin>[] shares)
    {
        if (shares.GroupBy(share => share.Part).Any(part => part.Count() > 1 && part.Any(share => share.Plugin.AfterFirst)))
            throw new PeftException(
                "One of the adapters puts its vectors after a sequence's first token (\"combine\": \"prefix_after_bos\"), and another "
                + "puts vectors before it; take one of them.");
    }

    private static InputState Insert(InputState state, Share<IInputPlugin> share)
    {
        var (vectors, afterFirst) = (share.Plugin.Vectors(share.Context), share.Plugin.AfterFirst);
        if (state.Segments is not null) return PackedInput.Insert(state, vectors, afterFirst);
        var (rows, length) = (state.Embeddings.shape[0], vectors.shape[0]);
        Tensor Extend(Tensor ids, long value) => cat([Arithmetic.Filled([rows, length], value, ScalarType.Int64, ids.device), ids], 1);
        var joined = new InputState(
            cat([vectors.unsqueeze(0).expand(rows, length, vectors.shape[1]), state.Embeddings], 1),
            state.Mask is null ? null : Extend(state.Mask, 1),
            state.TypeIds is null ? null : Extend(state.TypeIds, 0),
            true);
        var leading = state.Mask is { } mask ? PaddedTokens.Leading(mask) : null;
        if (afterFirst)
        {
            var first = leading ?? Arithmetic.Filled([rows, 1], 0, ScalarType.Int64, vectors.device);
            return Behind(joined, first.Plus(1).AtMost(state.Embeddings.shape[1]), length);
        }
        return leading is null || leading.max().item<long>() == 0 ? joined : Behind(joined, leading, length);
    }

    // Vectors stand right before a row's first real token, for padding between them would part what belongs together, or right after it.
    private static InputState Behind(InputState state, Tensor leading, long length)
    {
        var place = Arithmetic.Range(0, state.Embeddings.shape[1], device: leading.device).unsqueeze(0);
        // [rows, tokens]
        var from = where(place.lt(leading), place.Plus(length), where(place.lt(leading.Plus(length)), place.sub(leading), place));
        return state with
        {
            Embeddings = state.Embeddings.gather(1, from.unsqueeze(-1).expand_as(state.Embeddings)),
            Mask = state.Mask?.gather(1, from),
            TypeIds = state.TypeIds?.gather(1, from),
        };
    }
}
