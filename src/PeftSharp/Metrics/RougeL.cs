namespace PeftSharp.Metrics;

/// <summary>ROUGE-L (Lin 2004, aclanthology.org/W04-1013): how much of an answer stands in a reference in the same order.</summary>
/// <remarks>
/// With the longest common subsequence L of the words of answer and reference, P = L / words of the answer, R = L / words of the reference:
/// F = 2PR / (P + R), times 100. Of several references the best counts; a corpus has the mean over its answers. Words are runs of letters
/// and digits in lower case, not stemmed: of English texts those of the package rouge-score, whose <c>rougeL</c> this equals.
/// </remarks>
internal static class RougeL
{
    /// <summary>The score of one answer, 0 to 100; 0 where answer or reference has no word.</summary>
    /// <param name="answer">The text to score.</param>
    /// <param name="references">The texts that it may be, at least one.</param>
    /// <exception cref="ArgumentException">There is no reference.</exception>
    public static double Of(string answer, IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(references);
        if (references.Count == 0) throw new ArgumentException("There is no reference to compare the answer with.", nameof(references));
        var words = TextTokens.Words(answer);
        return references.Max(reference => F(words, TextTokens.Words(reference)));
    }

    /// <summary>The mean over several answers, 0 to 100.</summary>
    /// <param name="answers">The texts to score, at least one.</param>
    /// <param name="references">For each answer, the texts that it may be, at least one.</param>
    /// <exception cref="ArgumentException">There is no answer, or an answer has no references.</exception>
    public static double Corpus(IReadOnlyList<string> answers, IReadOnlyList<IReadOnlyList<string>> references)
    {
        TextScores.Check(answers, references);
        return Enumerable.Range(0, answers.Count).Average(i => Of(answers[i], references[i]));
    }

    // 2PR / (P + R) is 2L / (words of both).
    private static double F(string[] answer, string[] reference) => answer.Length == 0 || reference.Length == 0 ? 0
        : 200.0 * CommonSubsequence(answer, reference) / (answer.Length + reference.Length);

    private static int CommonSubsequence(string[] first, string[] second)
    {
        // Lengths for all beginnings of the second text, beside the words of the first one by one.
        var (above, row) = (new int[second.Length + 1], new int[second.Length + 1]);
        foreach (var word in first)
        {
            for (var j = 0; j < second.Length; j++)
                row[j + 1] = word == second[j] ? above[j] + 1 : Math.Max(above[j + 1], row[j]);
            (above, row) = (row, above);
        }
        return above[^1];
    }
}
