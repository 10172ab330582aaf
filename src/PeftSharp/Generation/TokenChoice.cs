using PeftSharp.Data;
using PeftSharp.Interop;

namespace PeftSharp.Generation;

/// <summary>Chooses a row's next token from its logits.</summary>
internal sealed class TokenChoice(GenerationOptions options)
{
    // Tokens so far below the likeliest have less than 1e-8 of the probability together, whatever the vocabulary.
    private const double Negligible = 30;

    /// <summary>Divides and multiplies the logits of tokens that occurred before.</summary>
    public static void Penalise(Span<double> logits, IEnumerable<int> before, double penalty)
    {
        if (penalty == 1) return;
        foreach (var id in before.Distinct())
            if (id < logits.Length) logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
    }

    /// <summary>The next token; the logits are changed.</summary>
    /// <param name="logits">One for each token of the vocabulary.</param>
    /// <param name="before">The row's tokens so far.</param>
    /// <param name="row">The row's number, from 0.</param>
    /// <param name="step">The token's number, from 0.</param>
    public int Next(Span<double> logits, IEnumerable<int> before, int row, int step)
    {
        Penalise(logits, before, options.RepetitionPenalty);
        if (!options.Draws) return Likeliest(logits);
        var random = new SeededRandom(SeedSequence.Derive(options.Seed, (ulong)row), (ulong)step + 1);
        return Draw(logits, random.NextDouble());
    }

    /// <summary>The first of the largest.</summary>
    public static int Likeliest(ReadOnlySpan<double> logits)
    {
        var best = 0;
        for (var i = 1; i < logits.Length; i++)
            if (logits[i] > logits[best]) best = i;
        return double.IsFinite(logits[best]) ? best : throw NotFinite(logits[best]);
    }

    /// <summary>
    /// The token on which a number from [0, 1) falls where tokens lie side by side, the likeliest first, each as wide as it is likely.
    /// </summary>
    internal int Draw(Span<double> logits, double at)
    {
        foreach (ref var logit in logits) logit /= options.Temperature;
        var largest = logits[Likeliest(logits)];
        var (ids, weights) = Candidates(logits, largest);
        Array.Sort(weights, ids, Comparer<double>.Create((a, b) => b.CompareTo(a)));
        var kept = Kept(weights);
        var rest = at * weights.AsSpan(0, kept).Sum();
        for (var i = 0; i < kept; i++)
        {
            rest -= weights[i];
            if (rest < 0) return ids[i];
        }
        return ids[kept - 1];
    }

    // Ids with exp(logit − largest), those without a chance left out.
    private static (int[] Ids, double[] Weights) Candidates(ReadOnlySpan<double> logits, double largest)
    {
        var (ids, weights) = (new List<int>(), new List<double>());
        for (var i = 0; i < logits.Length; i++)
        {
            if (!(logits[i] >= largest - Negligible)) continue;
            ids.Add(i);
            weights.Add(Math.Exp(logits[i] - largest));
        }
        return ([.. ids], [.. weights]);
    }

    // How many of the weights, the largest first, may be drawn. Each limit looks at what the ones before it left.
    private int Kept(double[] weights)
    {
        var kept = weights.Length;
        if (options.TopK > 0 && options.TopK < kept)
        {
            kept = options.TopK;
            while (kept < weights.Length && weights[kept] == weights[kept - 1]) kept++; // equals are kept together
        }
        if (options.TopP < 1)
        {
            var (share, before, count) = (options.TopP * weights.AsSpan(0, kept).Sum(), 0.0, 0);
            while (count < kept && before < share) before += weights[count++];
            kept = Math.Max(1, count);
        }
        if (options.MinP > 0)
        {
            var least = options.MinP * weights[0];
            while (kept > 1 && weights[kept - 1] < least) kept--;
        }
        return kept;
    }

    private static PeftException NotFinite(double value) =>
        new($"The model's logits hold {value}, which is no number; the weights of model or adapter are damaged, or training diverged.");
}
