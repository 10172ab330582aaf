namespace PeftSharp.Runs.Autotuning;

/// <summary>How a search goes through its space.</summary>
public enum AutotuneStrategy
{
    /// <summary>
    /// Many configurations are tried briefly, and the better third of them three times as long, and so on (successive halving: Jamieson and
    /// Talwalkar 2016, arXiv 1502.07943). Better is what more others do not beat in score and weights at once.
    /// </summary>
    Halving,

    /// <summary>
    /// A Gaussian process says of every configuration how it may score; the next one tried is the one expected to push the front of score
    /// and weights furthest (AutoPEFT: Zhou et al. 2023, arXiv 2301.12132).
    /// </summary>
    Bayes,

    /// <summary>
    /// All modules are trained at once behind gates, which learn under a budget of weights where a module is worth its place (S³Delta: Hu
    /// et al. 2022, arXiv 2206.07382).
    /// </summary>
    S3Delta,
}
