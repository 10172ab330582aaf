namespace PeftSharp.Analysis;

/// <summary>Singular values and what they say about rank.</summary>
/// <param name="Values">Singular values, falling; at least one.</param>
public sealed record Spectrum(IReadOnlyList<double> Values)
{
    // Values below are what rounding leaves.
    private const double Noise = 1e-7;

    /// <summary>‖Δ‖_F².</summary>
    public double Energy { get; } = Values.Sum(v => v * v);

    /// <summary>‖Δ‖_F.</summary>
    public double Norm => Math.Sqrt(Energy);

    /// <summary>‖Δ‖₂, the largest singular value.</summary>
    public double Largest => Values.Count == 0 ? 0 : Values[0];

    /// <summary>Singular values above 10⁻⁷ of the largest.</summary>
    public int NumericalRank => Values.Count(v => v > Noise * Largest);

    /// <summary>‖Δ‖_F² / ‖Δ‖₂²: 1 for a matrix of rank one, the rank for equal singular values; NaN for a zero matrix.</summary>
    public double StableRank => Energy / (Largest * Largest);

    /// <summary>exp of the entropy of the shares σ / Σσ (Roy and Vetterli 2007): NaN for a zero matrix.</summary>
    public double EntropyRank
    {
        get
        {
            var sum = Values.Sum();
            return Math.Exp(-Values.Where(v => v > 0).Sum(v => v / sum * Math.Log(v / sum))) is var rank && sum > 0 ? rank : double.NaN;
        }
    }

    /// <summary>The share of ‖Δ‖_F² that the best approximation of a rank keeps.</summary>
    public double EnergyAt(int rank) => Energy == 0 ? 1 : Values.Take(rank).Sum(v => v * v) / Energy;

    /// <summary>The smallest rank that keeps a share of ‖Δ‖_F²; 0 for a zero matrix.</summary>
    public int RankFor(double share) => SmallestRank([this], share);

    /// <summary>The smallest rank that, given to every matrix, keeps a share of their energy together.</summary>
    public static int SmallestRank(IReadOnlyCollection<Spectrum> all, double share)
    {
        var (total, kept) = (all.Sum(s => s.Energy), 0.0);
        if (total == 0) return 0;
        var longest = all.Max(s => s.Values.Count);
        for (var rank = 1; rank < longest; rank++)
        {
            kept += all.Where(s => s.Values.Count >= rank).Sum(s => s.Values[rank - 1] * s.Values[rank - 1]);
            if (kept >= share * total) return rank;
        }
        return longest;
    }
}
