namespace PeftSharp.Sites;

/// <summary>
/// How adapters act together on a row: a tree of adapters that never changes. Two trees are equal if they say the same of the same
/// adapters.
/// </summary>
/// <remarks>
/// <see cref="Stack"/>: one after the other. <see cref="Average"/>: the weighted mean of what each makes of a seam's value.
/// <see cref="Fuse"/>: an attention over what several bottleneck adapters add (AdapterFusion). <see cref="Split"/>: each on tokens of its
/// own.
/// </remarks>
public abstract partial class AdapterComposition : IEquatable<AdapterComposition>
{
    /// <summary>The deepest tree: <c>stack(a, average(b, c))</c> is three deep.</summary>
    public const int MostDepth = 8;

    /// <summary>The most adapters in one tree.</summary>
    public const int MostAdapters = 256;

    private AdapterSelection? _alone;

    private protected AdapterComposition(IReadOnlyList<AdapterComposition> children)
    {
        Children = children;
        Depth = 1 + children.Select(child => child.Depth).DefaultIfEmpty(0).Max();
        Count = Math.Max(1, children.Sum(child => child.Count));
        if (Depth > MostDepth) throw new PeftException($"A composition is {Depth} deep; at most {MostDepth} are allowed, so nest less.");
        if (Count > MostAdapters)
            throw new PeftException($"A composition names {Count} adapters; at most {MostAdapters} are allowed, so name fewer.");
    }

    /// <summary>What it is made of, in order; empty for one adapter.</summary>
    public IReadOnlyList<AdapterComposition> Children { get; }

    /// <summary>Adapters in the tree, one that occurs twice counted twice.</summary>
    public int Count { get; }

    private int Depth { get; }

    /// <summary>True if adapters act one after the other with their whole weight, and nothing else.</summary>
    internal virtual bool IsFlat => Children.All(child => child.IsFlat);

    /// <summary>True if a part of it acts on some tokens alone.</summary>
    internal virtual bool HasSplit => Children.Any(child => child.HasSplit);

    /// <summary>Outputs of the head that answers; null for as many as the base's.</summary>
    internal abstract int? Outputs { get; }

    /// <summary>The tree on every row.</summary>
    internal AdapterSelection Alone => _alone ??= AdapterSelection.Of(this);

    /// <summary>The adapter whose output a fusion takes: the last of a stack.</summary>
    internal virtual AdapterTag Last => Children[^1].Last;

    /// <summary>The adapter whose head answers: the last of a stack or split, the first of an average, a fusion's own.</summary>
    internal virtual AdapterTag Answering => Children[^1].Answering;

    /// <summary>One adapter; a fusion with the adapters that it fuses.</summary>
    public static AdapterComposition Of(AdapterTag adapter) => adapter.Acts;

    /// <summary>Adapters one after the other: each reads what those before it made.</summary>
    /// <exception cref="PeftException">There is none, or there are too many.</exception>
    public static AdapterComposition StackOf(params IReadOnlyList<AdapterComposition> children)
    {
        if (children.Count == 0) throw new PeftException("A stack is empty; name at least one adapter.");
        // A stack in a stack says nothing more.
        AdapterComposition[] all = [.. children.SelectMany(child => child is Stack inner ? inner.Children : [child])];
        return all.Length == 1 ? all[0] : new Stack(all);
    }

    /// <summary>The weighted mean of what each makes of a seam's value.</summary>
    /// <param name="parts">Each with its weight: finite numbers with a sum above 0, which are divided by it.</param>
    /// <exception cref="PeftException">There is none, a weight makes no sense, or the adapters' heads have different outputs.</exception>
    public static AdapterComposition AverageOf(params IReadOnlyList<(AdapterComposition Part, double Weight)> parts)
    {
        if (parts.Count == 0) throw new PeftException("An average is empty; name at least one adapter.");
        foreach (var (part, weight) in parts)
            if (!double.IsFinite(weight)) throw new PeftException($"The weight of {part} is {weight}; expected a finite number.");
        var sum = parts.Sum(part => part.Weight);
        if (!(sum > 0) || !double.IsFinite(sum))
            throw new PeftException($"The weights of an average add up to {sum}; expected a finite sum above 0.");
        if (parts.Count == 1) return parts[0].Part;
        var heads = parts.Select(part => part.Part.Outputs).Distinct().ToList();
        if (heads.Count > 1)
            throw new PeftException(
                $"The heads of an average have {string.Join(" and ", heads.Select(n => n?.ToString() ?? "the base's"))} outputs, so "
                + "they have no mean; average adapters of one task.");
        return new Average([.. parts.Select(part => part.Part)], [.. parts.Select(part => part.Weight / sum)]);
    }

    /// <summary>An attention over what several bottleneck adapters add (Pfeiffer et al. 2021, arXiv 2005.00247).</summary>
    /// <param name="fusion">The fusion, which holds the attention.</param>
    /// <param name="children">Adapters or stacks of adapters, in the fusion's order.</param>
    /// <exception cref="PeftException">There are fewer than two, or a part is neither an adapter nor a stack of adapters.</exception>
    public static AdapterComposition FuseOf(AdapterTag fusion, params IReadOnlyList<AdapterComposition> children)
    {
        if (children.Count < 2) throw new PeftException("A fusion needs at least two adapters; name more.");
        foreach (var child in children)
            if (!child.IsFlat)
                throw new PeftException($"{child} cannot stand in a fusion: it fuses adapters and stacks of adapters alone.");
        return new Fuse(fusion, [.. children]);
    }

    /// <summary>
    /// Each part acts on tokens of its own, counted from the left as the layers read them; the last takes those that are left.
    /// </summary>
    /// <param name="parts">Each with its number of tokens, from 1; that of the last is not read.</param>
    /// <exception cref="PeftException">There is none, or a number of tokens is out of range.</exception>
    public static AdapterComposition SplitOf(params IReadOnlyList<(AdapterComposition Part, int Tokens)> parts)
    {
        if (parts.Count == 0) throw new PeftException("A split is empty; name at least one adapter.");
        foreach (var (part, tokens) in parts.Take(parts.Count - 1))
            if (tokens is < 1 or > 1 << 20)
                throw new PeftException($"{part} is to act on {tokens} tokens of a split; expected a whole number from 1 to {1 << 20}.");
        if (parts.Count == 1) return parts[0].Part;
        return new Split([.. parts.Select(part => part.Part)], [.. parts.Take(parts.Count - 1).Select(part => part.Tokens)]);
    }

    /// <summary>Every adapter, fusions included, in the order of the tree.</summary>
    internal virtual IEnumerable<AdapterTag> Adapters => Children.SelectMany(child => child.Adapters);

    /// <inheritdoc/>
    public bool Equals(AdapterComposition? other) =>
        ReferenceEquals(this, other) || other is not null && other.GetType() == GetType() && other.Children.SequenceEqual(Children)
            && SaysTheSame(other);

    /// <inheritdoc/>
    public override bool Equals(object? other) => Equals(other as AdapterComposition);

    /// <inheritdoc/>
    public override int GetHashCode() => Adapters.Aggregate(GetType().GetHashCode(), HashCode.Combine);

    // Of a tree of the same kind with equal children.
    private protected abstract bool SaysTheSame(AdapterComposition other);

    private protected string Listed(Func<int, string>? after = null) =>
        string.Join(", ", Children.Select((child, i) => $"{child}{after?.Invoke(i)}"));
}
