using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>An embedding table, open to plug-ins.</summary>
public sealed class EmbeddingSite(SitePlace place, TensorSlot table)
{
    /// <summary>Where it stands.</summary>
    public SitePlace Place { get; } = place;

    /// <summary>The module's path in the Hugging Face model.</summary>
    public string Path => Place.Path;

    /// <summary>Where the table is read, [vocabulary, dim].</summary>
    public TensorSlot Table { get; } = table;

    /// <summary>Number of rows of the table.</summary>
    public long Vocabulary { get; } = table.Base.shape[0];

    /// <summary>Width of a row.</summary>
    public long Dim { get; } = table.Base.shape[1];

    /// <summary>The plug-ins here.</summary>
    public PluginList<IEmbeddingPlugin> Plugins { get; } = new(place);

    /// <summary>Looks ids up: int64 [rows or 1, tokens] → [rows or 1, tokens, dim].</summary>
    internal Tensor Forward(Tensor ids, ForwardContext context)
    {
        var patched = Table.Patched(context);
        if (patched is { Value: var plain } && !PatchedLookup.FitsTable(plain)) patched = null;
        var table = patched?.Value ?? Table.Get(context);
        // Positions and segments may come as one row for all; where rows differ, each needs its own.
        if (ids.shape[0] == 1 && context.Selection.Rows > 1 && (table.dim() > 2 || Plugins.AnyActive(context)))
            ids = ids.expand(context.Selection.Rows, ids.shape[1]);
        var vectors = patched is var (patch, _) ? patch.Lookup(table, ids, context)
            : table.dim() == 2 ? Lookup(table, ids)
            : PerRow(table, ids);
        if (vectors.dtype is not (ScalarType.Float32 or ScalarType.Float64)) vectors = vectors.to(ScalarType.Float32);
        return Plugins.Pass(vectors, context, (share, own) => share.Plugin.Transform(own, Rows.Select(ids, share.Rows), share.Context));
    }

    /// <summary>The rows of a table, [entries, dim], that ids of any shape name: […, dim].</summary>
    internal static Tensor Lookup(Tensor table, Tensor ids) => table.index_select(0, ids.flatten()).view([.. ids.shape, table.shape[1]]);

    // Tables that differ by row, [rows, vocabulary, dim]: each row looks up in its own.
    private static Tensor PerRow(Tensor tables, Tensor ids) =>
        tables.gather(1, ids.unsqueeze(-1).expand(ids.shape[0], ids.shape[1], tables.shape[2]));
}
