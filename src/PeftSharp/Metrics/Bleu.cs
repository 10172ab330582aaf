namespace PeftSharp.Metrics;

/// <summary>BLEU (Papineni et al. 2002, aclanthology.org/P02-1040) of a whole corpus, equal to sacreBLEU's default.</summary>
/// <remarks>
/// sacreBLEU calls it <c>case:mixed|eff:no|tok:13a|smooth:exp</c> (Post 2018, arXiv 1804.08771). Tokens are those of mteval-v13a, in
/// their case. p_n is the share of all answers' runs of n tokens that occur in a reference, each counted at most as often as in the
/// reference that has it most; BLEU = 100 · BP · exp(¼ Σ ln p_n), n = 1 … 4. BP = min(1, exp(1 − r / c)) with c tokens of all answers
/// and r of their references: of several the one nearest in length, of two as near the shorter. Where no run of n tokens occurs, p_n is
/// 1 / (2^k · runs), k counting such n. Without a run of four tokens, or without any match, BLEU is 0.
/// </remarks>
internal static class Bleu
{
    private const int Longest = 4;

    /// <summary>Scores answers against their references.</summary>
    /// <param name="answers">The texts to score, at least one.</param>
    /// <param name="references">For each answer, the texts that it may be, at least one; their numbers may differ.</param>
    /// <exception cref="ArgumentException">There is no answer, or an answer has no references.</exception>
    public static BleuScore Corpus(IReadOnlyList<string> answers, IReadOnlyList<IReadOnlyList<string>> references)
    {
        TextScores.Check(answers, references);
        var (matches, runs) = (new long[Longest], new long[Longest]);
        var (answerTokens, referenceTokens) = (0L, 0L);
        for (var i = 0; i < answers.Count; i++)
        {
            var answer = TextTokens.Evaluation(answers[i]);
            var allowed = references[i].Select(TextTokens.Evaluation).ToList();
            answerTokens += answer.Length;
            referenceTokens += Nearest(answer.Length, allowed.Select(tokens => tokens.Length));
            for (var n = 1; n <= Longest; n++) Count(answer, allowed, n, ref matches[n - 1], ref runs[n - 1]);
        }
        var brevity = answerTokens >= referenceTokens ? 1
            : answerTokens == 0 ? 0
            : Math.Exp(1 - (double)referenceTokens / answerTokens);
        var precisions = Precisions(matches, runs);
        var score = precisions.Contains(0) ? 0 : brevity * Math.Exp(precisions.Average(Math.Log));
        return new(score, precisions, brevity, answerTokens, referenceTokens);
    }

    private static int Nearest(int length, IEnumerable<int> lengths) => lengths.OrderBy(l => Math.Abs(l - length)).ThenBy(l => l).First();

    private static void Count(string[] answer, List<string[]> references, int n, ref long matches, ref long runs)
    {
        var most = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var reference in references)
            foreach (var (run, count) in Runs(reference, n)) most[run] = Math.Max(count, most.GetValueOrDefault(run));
        foreach (var (run, count) in Runs(answer, n))
        {
            runs += count;
            matches += Math.Min(count, most.GetValueOrDefault(run));
        }
    }

    // No token holds a space, so joined ones stay apart.
    private static Dictionary<string, int> Runs(string[] tokens, int n)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i + n <= tokens.Length; i++)
        {
            var run = string.Join(' ', tokens, i, n);
            counts[run] = counts.GetValueOrDefault(run) + 1;
        }
        return counts;
    }

    private static double[] Precisions(long[] matches, long[] runs)
    {
        var found = new double[Longest];
        if (matches.All(count => count == 0)) return found;
        var halves = 1.0;
        for (var n = 0; n < Longest && runs[n] > 0; n++)
        {
            if (matches[n] == 0) halves *= 2;
            found[n] = matches[n] > 0 ? 100.0 * matches[n] / runs[n] : 100 / (halves * runs[n]);
        }
        return found;
    }
}
