namespace PeftSharp.Methods.Hybrid.UnifiedView;

/// <summary>How a module's result Δh joins the representation h.</summary>
public enum CompositionFunction
{
    /// <summary>h + Δh.</summary>
    Simple,

    /// <summary>h + s·Δh.</summary>
    Scaled,

    /// <summary>(1 − λ)·h + λ·Δh, λ the share of attention that a prefix gets.</summary>
    Gated,
}
