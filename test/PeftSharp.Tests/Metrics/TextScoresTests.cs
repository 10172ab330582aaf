using PeftSharp.Metrics;

namespace PeftSharp.Tests.Metrics;

/// <summary>Scores of texts: counted by hand, and as sacreBLEU and rouge-score give them.</summary>
public sealed class TextScoresTests
{
    private const double Tolerance = 1e-9;

    [Theory]
    [InlineData("Hello, world!", "Hello , world !")]
    [InlineData("It costs 1,234.50 (or so).", "It costs 1,234.50 ( or so ) .")]
    [InlineData("1990-2000 well-known", "1990 - 2000 well-known")]
    [InlineData("a &amp; b &lt;c&gt; &quot;d&quot;", "a & b < c > \" d \"")]
    [InlineData("line one\nline-\ntwo <skipped>end", "line one linetwo end")]
    [InlineData("U.S. don't 5% a/b x,y .5", "U . S . don't 5 % a / b x , y . 5")]
    [InlineData("한국어 문장이다. 좋다!", "한국어 문장이다 . 좋다 !")]
    [InlineData(" \t ", "")]
    public void Tokens_are_those_of_mteval(string text, string expected) =>
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries), TextTokens.Evaluation(text));

    // Papineni's example: of seven words that are all "the", two count.
    [Fact]
    public void A_word_counts_as_often_as_a_reference_has_it()
    {
        var found = Bleu.Corpus(
            ["the the the the the the the"], [["the cat is on the mat", "there is a cat on the mat"]]);
        double[] precisions = [100 * 2.0 / 7, 100 / (2.0 * 6), 100 / (4.0 * 5), 100 / (8.0 * 4)];
        Assert.Equal(precisions, found.Precisions.Select(p => Math.Round(p, 12)), (a, b) => Math.Abs(a - b) < Tolerance);
        Assert.Equal(Math.Pow(precisions.Aggregate((a, b) => a * b), 0.25), found.Score, Tolerance);
        Assert.Equal((1.0, 7L, 7L), (found.BrevityPenalty, found.AnswerTokens, found.ReferenceTokens));
    }

    [Fact]
    public void Short_answers_pay_for_the_nearest_reference()
    {
        var found = Bleu.Corpus(["a b c d"], [["a b c d e f", "x x x x x x x x x"]]);
        Assert.Equal((4L, 6L), (found.AnswerTokens, found.ReferenceTokens));
        Assert.Equal(Math.Exp(1 - 6.0 / 4), found.BrevityPenalty, Tolerance);
        Assert.Equal(100 * Math.Exp(1 - 6.0 / 4), found.Score, Tolerance);
        // As near on both sides: the shorter.
        Assert.Equal(3, Bleu.Corpus(["a b c d"], [["a b c d e", "a b c"]]).ReferenceTokens);
    }

    [Fact]
    public void A_corpus_is_counted_together()
    {
        var found = Bleu.Corpus(["a b c d e", "p q r s"], [["a b c d e"], ["p q x s"]]);
        Assert.Equal([100 * 8.0 / 9, 100 * 5.0 / 7, 100 * 3.0 / 5, 100 * 2.0 / 3], found.Precisions, (a, b) => Math.Abs(a - b) < Tolerance);
    }

    // The example on sacreBLEU's page.
    [Fact]
    public void The_value_is_that_of_sacrebleu()
    {
        string[] answers = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."];
        string[][] references =
        [
            ["The dog bit the man.", "The dog had bit the man."], ["It was not unexpected.", "No one was surprised."],
            ["The man bit him first.", "The man had bitten the dog."],
        ];
        Assert.Equal(48.530827, Bleu.Corpus(answers, references).Score, 1e-6);
    }

    [Theory]
    [InlineData("", "a b c d")]
    [InlineData("x y z w", "a b c d")]
    [InlineData("a b c", "a b c")]
    [InlineData("a b c d", "")]
    public void Without_a_match_or_four_tokens_there_is_no_score(string answer, string reference) =>
        Assert.Equal(0, Bleu.Corpus([answer], [[reference]]).Score);

    [Theory]
    [InlineData("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog", 200.0 * 5 / 17)]
    [InlineData("police killed the gunman", "police kill the gunman", 200.0 * 3 / 8)]
    [InlineData("the gunman kill police", "police kill the gunman", 200.0 * 2 / 8)]
    [InlineData("Don't stop", "don t stop!", 100)]
    [InlineData("좋은 영화였다", "아주 좋은 영화였다.", 200.0 * 2 / 5)]
    [InlineData("", "a", 0)]
    [InlineData("a", "...", 0)]
    public void The_longest_common_subsequence_is_counted(string answer, string reference, double expected) =>
        Assert.Equal(expected, RougeL.Of(answer, [reference]), Tolerance);

    [Fact]
    public void The_best_reference_counts_and_answers_have_equal_weight()
    {
        Assert.Equal(100, RougeL.Of("a b", ["c d", "a b", "a"]), Tolerance);
        Assert.Equal(50, RougeL.Corpus(["a b", "c"], [["a b"], ["d"]]), Tolerance);
    }

    [Fact]
    public void Answers_need_references()
    {
        Assert.Throws<ArgumentException>(() => Bleu.Corpus([], []));
        Assert.Throws<ArgumentException>(() => Bleu.Corpus(["a"], []));
        Assert.Throws<ArgumentException>(() => Bleu.Corpus(["a"], [[]]));
        Assert.Throws<ArgumentException>(() => RougeL.Of("a", []));
        Assert.Throws<ArgumentException>(() => RougeL.Corpus(["a", "b"], [["a"]]));
    }
}
