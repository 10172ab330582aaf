namespace PeftSharp.Sites;

/// <summary>One of a selection's compositions with the rows that it acts on.</summary>
internal sealed class SelectionPart
{
    public SelectionPart(AdapterComposition tree, long[]? rows)
    {
        (Tree, Rows, IsFlat) = (tree, rows, tree.IsFlat);
        var leaves = new List<SelectionLeaf>();
        Collect(tree, 1, null, null, leaves);
        Leaves = [.. leaves];
    }

    /// <summary>The composition.</summary>
    public AdapterComposition Tree { get; }

    /// <summary>Its rows in ascending order; null for every row.</summary>
    public long[]? Rows { get; }

    /// <summary>True if adapters act one after the other, and nothing else.</summary>
    public bool IsFlat { get; }

    /// <summary>Its adapters in the order in which they act.</summary>
    public SelectionLeaf[] Leaves { get; }

    /// <summary>Key of the padding of its rows, among what a call computes once.</summary>
    public object PaddingKey { get; } = new();

    /// <summary>Key of the number of earlier tokens of its rows.</summary>
    public object EarlierKey { get; } = new();

    private static void Collect(AdapterComposition node, double weight, AdapterSelection? scope, AdapterComposition? whole,
        List<SelectionLeaf> leaves)
    {
        switch (node)
        {
            case AdapterComposition.One one:
                leaves.Add(new(one.Adapter, weight, scope, whole));
                return;
            case AdapterComposition.Average average:
                for (var i = 0; i < node.Children.Count; i++) Collect(node.Children[i], weight * average.Weights[i], node.Children[i].Alone,
                    whole, leaves);
                return;
            case AdapterComposition.Fuse or AdapterComposition.Split:
                foreach (var child in node.Children) Collect(child, weight, child.Alone, node, leaves);
                return;
            default:
                foreach (var child in node.Children) Collect(child, weight, scope, whole, leaves);
                return;
        }
    }
}
