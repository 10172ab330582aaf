using System.Globalization;
using PeftSharp.Analysis;
using PeftSharp.Cli.Terminal;
using PeftSharp.Sites;

namespace PeftSharp.Cli.Analysis;

/// <summary>An analysis as tables on standard output.</summary>
internal static class AnalysisTables
{
    private const int MostListed = 32;

    public static void Write(AdapterAnalysis analysis, IReadOnlyList<SubspaceOverlap>? overlaps)
    {
        if (analysis.Matrices.Count > 0)
        {
            Matrices(analysis);
            Ranks(analysis);
            Rounding(analysis);
        }
        if (analysis.Vectors.Count > 0) Vectors(analysis);
        if (analysis.Effects.Count > 0) Effects(analysis);
        if (overlaps is not null) Overlaps(overlaps);
    }

    private static void Matrices(AdapterAnalysis analysis)
    {
        Title("Changed matrices (rank 90: the smallest rank that keeps 90 % of ‖ΔW‖²)");
        var grid = new Grid(
            "matrix", ">shape", ">‖ΔW‖", ">‖ΔW‖/‖W‖", ">largest σ", ">stable rank", ">entropy rank", ">rank 90", ">95", ">99");
        foreach (var m in analysis.Matrices)
        {
            var s = m.Spectrum;
            grid.Row(
                Name(m.Place), $"{m.Rows}×{m.Columns}", Number(s.Norm), Number(m.RelativeNorm), Number(s.Largest), Short(s.StableRank),
                Short(s.EntropyRank),
                $"{s.RankFor(0.9)}", $"{s.RankFor(0.95)}", $"{s.RankFor(0.99)}");
        }
        grid.Write();
    }

    private static void Ranks(AdapterAnalysis analysis)
    {
        foreach (var group in (MatrixGroup[])[MatrixGroup.Maps, MatrixGroup.Embeddings])
        {
            var spectra = analysis.Spectra(group);
            if (spectra.Sum(s => s.Energy) is not > 0) continue;
            Title($"Which rank: {Group(group)}, {spectra.Count} matrices, ‖ΔW‖ {Number(analysis.Norm(group))} in all");
            var ranks = AnalysisJson.Ranks(spectra);
            var grid = new Grid([.. ranks.Select(r => $">rank {r}").Prepend("")]);
            grid.Row([.. ranks.Select(r => Percent(analysis.EnergyAt(r, group))).Prepend("energy kept")]);
            grid.Write();
            Screen.Say(
                $"smallest rank for all of them that keeps 90 %: {Spectrum.SmallestRank(spectra, 0.9)}, 95 %: "
                + $"{Spectrum.SmallestRank(spectra, 0.95)}, 99 %: {Spectrum.SmallestRank(spectra, 0.99)}");
        }
    }

    private static void Rounding(AdapterAnalysis analysis)
    {
        var rounded = analysis.Matrices.Where(m => m.Rounding.Count > 0).ToList();
        if (rounded.Count == 0) return;
        Title("Merged into rounded weights (rounding / update above 1: more is rounded than was learned)");
        var grid = new Grid("type", ">rounding / update, median", ">worst", "worst matrix", ">relative output error, median");
        foreach (var type in rounded[0].Rounding.Select(r => r.Type))
        {
            var all =
                rounded.Select(m => (m.Place, Error: m.Rounding.First(r => r.Type == type))).OrderBy(e => e.Error.UpdateError).ToList();
            grid.Row(
                type, Number(all[all.Count / 2].Error.UpdateError), Number(all[^1].Error.UpdateError), Name(all[^1].Place),
                Number(all.Select(e => e.Error.OutputError).Order().ElementAt(all.Count / 2)));
        }
        grid.Write();
    }

    private static void Vectors(AdapterAnalysis analysis)
    {
        Title("Changed vectors");
        var grid = new Grid("kind", ">tensors", ">‖Δ‖ in all", ">largest ‖Δ‖", ">its ‖Δ‖/‖b‖", "where");
        foreach (var kind in analysis.Vectors.GroupBy(v => v.Kind))
        {
            var most = kind.MaxBy(v => v.Norm)!;
            grid.Row(
                kind.Key switch { SlotKind.Bias => "biases", SlotKind.NormBias => "norms' shifts", _ => "norms' scales" },
                $"{kind.Count()}",
                Number(Math.Sqrt(kind.Sum(v => v.Norm * v.Norm))), Number(most.Norm), Number(most.Norm / most.BaseNorm), most.Name);
        }
        grid.Write();
    }

    private static void Effects(AdapterAnalysis analysis)
    {
        Title("What is no change of weights");
        var grid = new Grid("where", "what", "numbers");
        foreach (var group in analysis.Effects.GroupBy(effect => effect.What))
        {
            List<EffectReport> all = [.. group];
            if (all.Count > MostListed)
                grid.Row($"{all.Count} places, {all[0].Path} to {all[^1].Path}", group.Key, Means(all));
            else
                foreach (var effect in all)
                    grid.Row(effect.Path, effect.What, string.Join(", ", effect.Numbers.Select(n => $"{n.Key} {Number(n.Value)}")));
        }
        grid.Write();
    }

    // One line for what is the same at many places; --json has them one by one.
    private static string Means(List<EffectReport> effects) => string.Join(", ",
        effects.SelectMany(effect => effect.Numbers).GroupBy(number => number.Key)
            .Select(number => $"mean {number.Key} {Number(number.Average(n => n.Value))}"));

    private static void Overlaps(IReadOnlyList<SubspaceOverlap> overlaps)
    {
        if (overlaps.Count == 0)
        {
            Screen.Say("\nThe two adapters change no matrix in common, so their directions cannot be compared.");
            return;
        }
        Title(
            $"Directions shared with the other adapter, mean of {overlaps.Count} matrices (1: the same, random: what unrelated "
            + "directions have)");
        var grid = new Grid("leading directions", ">φ input", ">random", ">φ output", ">random");
        foreach (var i in (int[])[1, 2, 4, 8, 16, 32])
            if (SubspaceOverlap.Mean(overlaps, i, i, true) is var input && double.IsFinite(input))
                grid.Row(
                    $"{i}", Number(input), Number(overlaps.Average(o => (double)i / o.Columns)),
                    Number(SubspaceOverlap.Mean(overlaps, i, i, false)), Number(overlaps.Average(o => (double)i / o.Rows)));
        grid.Write();
        Screen.Say(
            $"smallest principal angle, mean: {Short(overlaps.Average(o => o.AnglesIn[0]))}° of the input, "
            + $"{Short(overlaps.Average(o => o.AnglesOut[0]))}° of the output");
    }

    private static void Title(string text) => Screen.Say($"\n{text}");

    private static string Group(MatrixGroup group) => group == MatrixGroup.Maps ? "linear maps" : "embeddings";

    private static string Name(MatrixPlace place) => place.Layer < 0 ? place.Path : $"{place.Layer}.{place.Module}";

    private static string Number(double value) =>
        !double.IsFinite(value)
            ? "n/a"
            : value.ToString(Math.Abs(value) is >= 0.01 and < 1e5 or 0 ? "0.###" : "0.0e+0", CultureInfo.InvariantCulture);

    private static string Short(double value) => !double.IsFinite(value) ? "n/a" : value.ToString("0.0", CultureInfo.InvariantCulture);

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0} %");
}
