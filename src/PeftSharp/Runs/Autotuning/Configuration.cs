namespace PeftSharp.Runs.Autotuning;

/// <summary>One point of a search space: which value each axis has.</summary>
/// <param name="values">Index of the value on each axis: modules, then settings, then a bit for each layer.</param>
internal sealed class Configuration(int[] values) : IEquatable<Configuration>
{
    /// <summary>Index of the value on each axis.</summary>
    public IReadOnlyList<int> Values => values;

    /// <summary>The same with one axis changed.</summary>
    public Configuration With(int axis, int value)
    {
        var changed = (int[])values.Clone();
        changed[axis] = value;
        return new(changed);
    }

    /// <inheritdoc/>
    public bool Equals(Configuration? other) => other is not null && values.AsSpan().SequenceEqual(other.Values.ToArray());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Configuration);

    /// <inheritdoc/>
    public override int GetHashCode() => values.Aggregate(17, (hash, value) => unchecked(hash * 31 + value));
}
