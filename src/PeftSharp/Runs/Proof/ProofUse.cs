namespace PeftSharp.Runs.Proof;

/// <summary>What is done about a proof when an adapter or a merged model is loaded.</summary>
public enum ProofUse
{
    /// <summary>What does not fit is refused.</summary>
    Refuse,

    /// <summary>What does not fit is told, and used all the same.</summary>
    Warn,

    /// <summary>It is not looked at.</summary>
    Skip,
}
