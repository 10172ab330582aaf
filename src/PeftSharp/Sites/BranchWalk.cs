using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>What a composition makes of the end of a residual branch, for the rows that it acts on.</summary>
internal sealed class BranchWalk(BranchSite site)
{
    /// <summary>A branch's output, and whether it stands in for the sum and its norm as well.</summary>
    public readonly record struct Value(Tensor Output, bool Ends);

    /// <summary>Walks a tree.</summary>
    /// <param name="node">The tree.</param>
    /// <param name="value">The branch so far.</param>
    /// <param name="state">What the branch read, for the same rows.</param>
    /// <param name="context">The call of those rows.</param>
    /// <exception cref="PeftException">What the adapters do cannot be averaged, fused or split.</exception>
    public Value Run(AdapterComposition node, Value value, BranchState state, ForwardContext context) => node switch
    {
        AdapterComposition.One one => Pass(one.Adapter, value, state, context),
        AdapterComposition.Average average => Mean(average, value, state, context),
        AdapterComposition.Fuse fuse => Fused(fuse, value, state, context),
        AdapterComposition.Split split => Pieces(split, value, state, context),
        _ => node.Children.Aggregate(value, (soFar, child) => Run(child, soFar, state, context)),
    };

    private Value Pass(AdapterTag adapter, Value value, BranchState state, ForwardContext context)
    {
        foreach (var plugin in site.Plugins.Of(adapter)) value = new(plugin.Transform(value.Output, state, context), plugin.EndsBranch);
        return value;
    }

    private Value Mean(AdapterComposition.Average average, Value value, BranchState state, ForwardContext context)
    {
        Value[] each = [.. average.Children.Select(child => Run(child, value, state, context.Within(child)))];
        RequireAlike(average, each);
        return new(Mixture.Of([.. each.Select((one, i) => (one.Output, average.Weights[i]))]), each[0].Ends);
    }

    private Value Fused(AdapterComposition.Fuse node, Value value, BranchState state, ForwardContext context)
    {
        var ends = node.Children.Select(child => child.Adapters.Any(tag => site.Plugins.Of(tag).Length > 0)).ToList();
        if (!ends.Contains(true)) return value;
        var fusion = site.Fusions.Of(node.Fusion) is [var only] ? only
            : throw new PeftException(
                $"{node}: the fusion \"{node.Fusion.Name}\" has no attention at {site.Path}, where the adapters act; make a fusion of "
                + "these adapters.");
        var last = Plugin(node, node.Last);
        var input = last.Enter(value.Output, state, context.Within(node.Children[^1]));
        var added = new List<Tensor>();
        foreach (var child in node.Children)
        {
            var call = context.Within(child);
            var plugin = Plugin(node, child.Last);
            if (plugin.EndsBranch != last.EndsBranch) throw Unlike(node);
            var read = child is AdapterComposition.One ? input.Read : ReadAfter(child, plugin, value, state, call);
            added.Add(plugin.Added(read, call));
        }
        return new(fusion.Fuse(input, added, context), last.EndsBranch);
    }

    // The last of a stack reads what those before it made.
    private Tensor ReadAfter(AdapterComposition stack, IFusibleBranch last, Value value, BranchState state, ForwardContext context)
    {
        foreach (var child in stack.Children.Take(stack.Children.Count - 1)) value = Run(child, value, state, context);
        return last.Enter(value.Output, state, context).Read;
    }

    private IFusibleBranch Plugin(AdapterComposition node, AdapterTag adapter) => site.Plugins.Of(adapter) switch
    {
        [IFusibleBranch plugin] => plugin,
        [] => throw new PeftException(
            $"{node}: the adapter \"{adapter.Name}\" does nothing at {site.Path}, where others act; fuse adapters that act at the "
            + "same places."),
        _ => throw new PeftException(
            $"{node}: what the adapter \"{adapter.Name}\" does at {site.Path} cannot be fused; fuse bottleneck adapters."),
    };

    private Value Pieces(AdapterComposition.Split split, Value value, BranchState state, ForwardContext context)
    {
        if (context.Padding is { } real && PlacesAfterPadding(real) is { } places)
            return PiecesByPlace(split, value, state, context, places);
        var (all, from) = (value.Output.shape[1], 0L);
        var pieces = new List<Value>();
        for (var i = 0; i < split.Children.Count && from < all; i++)
        {
            var count = i < split.Tokens.Count ? Math.Min(split.Tokens[i], all - from) : all - from;
            Tensor Piece(Tensor x) => x.narrow(1, from, count);
            var call = context.Within(split.Children[i]) with { Padding = context.Padding is { } padding ? Piece(padding) : null };
            var read = state with { Input = Piece(state.Input), Residual = Piece(state.Residual) };
            pieces.Add(Run(split.Children[i], value with { Output = Piece(value.Output) }, read, call));
            from += count;
        }
        RequireAlike(split, pieces);
        return new(cat([.. pieces.Select(piece => piece.Output)], 1), pieces[0].Ends);
    }

    // Rows that are padded at the left, as in generation, begin at places of their own: each child sees all tokens, and its own are taken.
    private Value PiecesByPlace(
        AdapterComposition.Split split, Value value, BranchState state, ForwardContext context, Tensor places)
    {
        var (from, pieces, result) = (0L, new List<Value>(), value.Output);
        for (var i = 0; i < split.Children.Count; i++)
        {
            var own = i == 0 ? places.IsBelow(long.MaxValue) : places.NotBelow(from);
            if (i < split.Tokens.Count) own = own.logical_and(places.IsBelow(from += split.Tokens[i]));
            var call = context.Within(split.Children[i]) with { Padding = own.to(ScalarType.Int64) * context.Padding! };
            pieces.Add(Run(split.Children[i], value, state, call));
            result = where(own.unsqueeze(-1), pieces[^1].Output, result);
        }
        RequireAlike(split, pieces);
        return new(result, pieces[0].Ends);
    }

    // Each token's place from its row's first real one, int64 [rows, tokens]; null where every row begins with one.
    private static Tensor? PlacesAfterPadding(Tensor padding)
    {
        var leading = padding.cumsum(1).eq(padding.zeros_like()).to(ScalarType.Int64).sum([1], keepdim: true);
        if (leading.max().item<long>() == 0) return null;
        return Arithmetic.Range(0, padding.shape[1], device: padding.device).unsqueeze(0).sub(leading);
    }

    private void RequireAlike(AdapterComposition node, IReadOnlyList<Value> values)
    {
        if (values.Any(value => value.Ends != values[0].Ends)) throw Unlike(node);
    }

    private PeftException Unlike(AdapterComposition node) =>
        new($"{node}: at {site.Path} some of the adapters replace the model's own norm (\"original_ln_after\": false) and others do not; "
            + "compose adapters that agree.");
}
