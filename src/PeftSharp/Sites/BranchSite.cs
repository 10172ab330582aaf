using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The end of a residual branch: its output, what it is added to, and the norm over the sum.</summary>
public sealed class BranchSite(SitePlace place, BranchKind kind, long width, Norm? norm)
{
    /// <summary>Where it stands.</summary>
    public SitePlace Place { get; } = place;

    /// <summary>The path of the module that ends the branch, for example <c>bert.encoder.layer.0.output</c>.</summary>
    public string Path => Place.Path;

    /// <summary>Which branch this is.</summary>
    public BranchKind Kind { get; } = kind;

    /// <summary>Index of the layer.</summary>
    public int Layer => Place.Layer;

    /// <summary>Width of the residual stream.</summary>
    public long Width { get; } = width;

    /// <summary>The norm over the sum (post-norm models).</summary>
    public Norm? Norm { get; } = norm;

    /// <summary>The plug-ins here.</summary>
    public PluginList<IBranchPlugin> Plugins { get; } = new(place);

    /// <summary>The fusions of plug-ins here.</summary>
    public PluginList<IBranchFusion> Fusions { get; } = new(place);

    /// <summary>Ends the branch. All tensors [rows, tokens, hidden].</summary>
    /// <param name="output">What the branch computed.</param>
    /// <param name="residual">What it is added to.</param>
    /// <param name="input">What the branch read.</param>
    /// <param name="context">The call.</param>
    internal Tensor Forward(Tensor output, Tensor residual, Tensor input, ForwardContext context)
    {
        // By part of the selection, whose last plug-in decides; -1: rows that are computed at once.
        List<(int Part, Tensor? Rows, Tensor Value)>? ended = null;
        BranchState StateOf(Tensor? rows) => new(Rows.Select(input, rows), Rows.Select(residual, rows), Norm);
        void Change(Tensor changed, Tensor? rows, bool ends, int part = -1)
        {
            if (part >= 0) ended?.RemoveAll(earlier => earlier.Part == part);
            if (ends) (ended ??= []).Add((part, rows, changed));
            output = Rows.Put(output, changed, rows);
        }

        var groups = JoinedRows.Of(Plugins.FlatShares(context), context, out var others);
        foreach (var joined in groups)
        {
            var plugin = (IJoinableBranch)joined.First;
            Change(plugin.Transform(Rows.Select(output, joined.Index), StateOf(joined.Index), joined), joined.Index, plugin.EndsBranch);
        }
        foreach (var (plugin, rows, inner, _, part) in others)
            Change(plugin.Transform(Rows.Select(output, rows), StateOf(rows), inner), rows, plugin.EndsBranch, part);
        var parts = context.Selection.Parts;
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i].IsFlat || !Plugins.Acts(parts[i])) continue;
            var rows = context.RowsOf(parts[i]);
            var walked = new BranchWalk(this).Run(
                parts[i].Tree, new(Rows.Select(output, rows), false), StateOf(rows), context.For(parts[i]));
            Change(walked.Output, rows, walked.Ends, i);
        }
        var sum = output.Plus(residual);
        var result = Norm is null ? sum : Norm.Forward(sum, context);
        foreach (var (_, rows, value) in ended ?? []) result = Rows.Put(result, value, rows);
        return result;
    }
}
