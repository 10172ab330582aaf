namespace PeftSharp.Methods.Hybrid.UnifiedView;

/// <summary>What a module computes of its input x.</summary>
public enum FunctionalForm
{
    /// <summary>f(x·W_down)·W_up, f an activation.</summary>
    Bottleneck,

    /// <summary>x·W_down·W_up.</summary>
    LowRank,

    /// <summary>softmax(x·W_q·P_kᵀ)·P_v: attention to trained keys and values.</summary>
    Prefix,
}
