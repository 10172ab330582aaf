namespace PeftSharp.Sites;

/// <summary>The identity under which an adapter's plug-ins sit at the sites; compared by reference.</summary>
/// <param name="name">The adapter's name, for messages.</param>
public sealed class AdapterTag(string name)
{
    /// <summary>The adapter's name.</summary>
    public string Name { get; } = name;

    /// <summary>True if one of its plug-ins reads every position, so that no position may be skipped.</summary>
    public bool NeedsAllTokens { get; set; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
