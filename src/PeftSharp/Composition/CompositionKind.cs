namespace PeftSharp.Composition;

/// <summary>What an expression of adapters says.</summary>
public enum CompositionKind
{
    /// <summary>One adapter.</summary>
    One,
    /// <summary>One after the other.</summary>
    Stack,
    /// <summary>The weighted mean of what each does.</summary>
    Average,
    /// <summary>An attention over what each adds.</summary>
    Fuse,
    /// <summary>Each on tokens of its own.</summary>
    Split,
}
