namespace PeftSharp.Sites;

/// <summary>How a norm normalises.</summary>
public enum NormKind
{
    /// <summary>(x − mean) / √(variance + ε) · w + b (Ba et al. 2016, arXiv 1607.06450).</summary>
    Layer,
    /// <summary>x / √(mean of squares + ε) · w (Zhang and Sennrich 2019, arXiv 1910.07467).</summary>
    Rms,
    /// <summary>The same times 1 + w: weights are stored around zero (Gemma).</summary>
    RmsOnePlus,
}
