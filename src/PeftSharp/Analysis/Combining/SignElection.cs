namespace PeftSharp.Analysis.Combining;

/// <summary>How the sign of an entry is elected.</summary>
public enum SignElection
{
    /// <summary>By the sum of the weighted values.</summary>
    Total,
    /// <summary>By the number of weighted values of either sign.</summary>
    Frequency,
}
