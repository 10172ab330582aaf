namespace PeftSharp.Generation;

/// <summary>How text is generated. The defaults take the likeliest token at each step, up to 256 of them.</summary>
public sealed record GenerationOptions
{
    /// <summary>Most new tokens, at least 1; default 256. A model's longest sequence ends an answer earlier.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>0 (default) takes the likeliest token; above 0, tokens are drawn from softmax(logits / temperature).</summary>
    public double Temperature { get; init; }

    /// <summary>Draws among so many of the likeliest tokens; 0 (default) among all.</summary>
    public int TopK { get; init; }

    /// <summary>
    /// Draws among the fewest likeliest tokens that have this probability together (Holtzman et al. 2020, arXiv 1904.09751); above 0 to 1;
    /// default 1 for all.
    /// </summary>
    public double TopP { get; init; } = 1;

    /// <summary>
    /// Draws among tokens that are at least so likely as a share of the likeliest one (Nguyen et al. 2024, arXiv 2407.01082); 0 to 1;
    /// default 0 for all.
    /// </summary>
    public double MinP { get; init; }

    /// <summary>
    /// Logits of tokens that occurred before, in prompt or answer, are divided by this where they are positive and multiplied where they
    /// are negative
    /// (Keskar et al. 2019, arXiv 1909.05858); above 0; default 1 for none.
    /// </summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Answers that are followed at once, of which the likeliest is given (beam search); 1 to 64; default 1.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>
    /// Beam search compares sums of log probabilities divided by length to this power; default 1: above 0 favours longer answers.
    /// </summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>Texts that end an answer; they are not part of it. Default none.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Token ids that end an answer; null (default) for those that the model's files name.</summary>
    public IReadOnlyList<int>? EndIds { get; init; }

    /// <summary>
    /// Seed of drawn tokens; default 42. A row's draws depend on the seed and on its place in the batch, not on the rows beside it.
    /// </summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>
    /// False computes the whole sequence anew for each token; the answer is the same up to rounding, and slow. Default true.
    /// </summary>
    public bool Cache { get; init; } = true;

    /// <summary>True if tokens are drawn.</summary>
    internal bool Draws => Temperature > 0;

    /// <summary>Refuses settings that mean nothing.</summary>
    /// <exception cref="PeftException">A setting is out of range.</exception>
    public void Validate()
    {
        Require(MaxNewTokens >= 1, "max_new_tokens", MaxNewTokens, "a whole number from 1");
        Require(Temperature >= 0 && double.IsFinite(Temperature), "temperature",
            Temperature, "0 for the likeliest token, or a number above");
        Require(TopK >= 0, "top_k", TopK, "0 for all tokens, or a whole number above");
        Require(TopP is > 0 and <= 1, "top_p", TopP, "a number above 0, at most 1");
        Require(MinP is >= 0 and <= 1, "min_p", MinP, "a number from 0 to 1");
        Require(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), "repetition_penalty",
            RepetitionPenalty, "a number above 0 (1 for none)");
        Require(Beams is >= 1 and <= 64, "beams", Beams, "a whole number from 1 to 64");
        Require(double.IsFinite(LengthPenalty), "length_penalty", LengthPenalty, "a number");
        if (Stop.Any(string.IsNullOrEmpty)) throw new PeftException("A stop text is empty, which would end every answer before it "
            + "begins; leave it out.");
        if (Beams > 1 && Draws)
            throw new PeftException($"{Beams} beams were asked for with temperature {Temperature}; beam search draws nothing: leave "
                + "one of them out.");
        if (!Draws && (TopK > 0 || TopP < 1 || MinP > 0))
            throw new PeftException("top_k, top_p and min_p choose among tokens that are drawn, but the temperature is 0, which always "
                + "takes the likeliest; give a temperature above 0, or leave them out.");
    }

    private static void Require(bool holds, string name, double value, string expected)
    {
        if (!holds) throw new PeftException(FormattableString.Invariant($"{name} is {value}; expected {expected}."));
    }
}
