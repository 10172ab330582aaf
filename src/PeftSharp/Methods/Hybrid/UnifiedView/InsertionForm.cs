namespace PeftSharp.Methods.Hybrid.UnifiedView;

/// <summary>What a module reads.</summary>
public enum InsertionForm
{
    /// <summary>What the block yields.</summary>
    Sequential,

    /// <summary>What the block reads.</summary>
    Parallel,
}
