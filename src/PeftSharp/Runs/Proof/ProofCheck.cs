namespace PeftSharp.Runs.Proof;

/// <summary>One comparison of a proof with what is there.</summary>
/// <param name="Name">What was compared.</param>
/// <param name="Expected">What the proof says, short.</param>
/// <param name="Found">What is there, short.</param>
/// <param name="Result">How it came out.</param>
/// <param name="Fact">For a note or a failure: a clause that tells what differs, where, and what was expected.</param>
/// <param name="Advice">For a failure: what to do, without a full stop.</param>
public sealed record ProofCheck(string Name, string Expected, string Found, CheckResult Result, string Fact = "", string Advice = "")
{
    /// <summary>The failure or the note as a sentence.</summary>
    public string Sentence => Printable.Sentence(Advice.Length == 0 ? $"{Fact}." : $"{Fact}; {Advice}.");

    internal static ProofCheck Pass(string name, string expected, string? found = null) =>
        new(name, expected, found ?? expected, CheckResult.Pass);
}
