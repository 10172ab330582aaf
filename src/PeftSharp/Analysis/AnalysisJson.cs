using System.Text.Json.Nodes;
using PeftSharp.Analysis.Entries;
using PeftSharp.Files.Json;

namespace PeftSharp.Analysis;

/// <summary>An analysis as JSON, every singular value included.</summary>
public static class AnalysisJson
{
    private static readonly double[] Shares = [0.9, 0.95, 0.99];

    /// <summary>1, 2, 4 … up to the largest rank that the matrices have: the ranks that reports show.</summary>
    public static IReadOnlyList<int> Ranks(IReadOnlyCollection<Spectrum> spectra)
    {
        var most = spectra.Select(s => s.NumericalRank).DefaultIfEmpty(1).Max();
        return [.. Enumerable.Range(0, 12).Select(i => 1 << i).TakeWhile(r => r < 2 * most && r <= 256)];
    }

    /// <summary>The analysis.</summary>
    /// <param name="analysis">What an adapter does to a model.</param>
    /// <param name="overlaps">Its directions beside another adapter's; null for none.</param>
    /// <param name="changed">The tensors of which it changes single weights.</param>
    /// <param name="common">Which of these another adapter changes too; null for none.</param>
    public static JsonObject Of(
        AdapterAnalysis analysis, IReadOnlyList<SubspaceOverlap>? overlaps, IReadOnlyList<ChangedTensor> changed,
        IReadOnlyList<EntryOverlap>? common) => new()
        {
            ["groups"] = new JsonObject(
            Enum.GetValues<MatrixGroup>()
                .Where(g => analysis.Spectra(g).Count > 0)
                .Select(g => KeyValuePair.Create(g.ToString().ToLowerInvariant(), (JsonNode?)Group(analysis, g)))),
            ["matrices"] = Array(analysis.Matrices, Matrix),
            ["vectors"] = Array(
            analysis.Vectors,
            v => new()
            {
                ["name"] = v.Name,
                ["kind"] = v.Kind.ToString(),
                ["norm"] = JsonText.Number(v.Norm),
                ["base_norm"] = JsonText.Number(v.BaseNorm),
            }),
            ["effects"] = Array(analysis.Effects, e => new()
            {
                ["path"] = e.Path,
                ["what"] = e.What,
                ["numbers"] = JsonText.Numbers(e.Numbers),
                ["linear_map"] = e.LinearMap is { } map ? Of(map) : null,
            }),
            ["overlaps"] = overlaps is null ? null : Array(overlaps, o => new()
            {
                ["path"] = o.Place.Path,
                ["input"] = Grid(o.In),
                ["output"] = Grid(o.Out),
                ["angles_input"] = Numbers(o.AnglesIn),
                ["angles_output"] = Numbers(o.AnglesOut),
            }),
            ["changed_weights"] = Array(ChangedEntries.ByPlace(changed), p => new()
            {
                ["where"] = p.Region,
                ["module"] = p.Module,
                ["changed"] = p.Changed,
                ["of"] = p.Count,
            }),
            ["common_weights"] = common is null ? null : Array(common, o => new()
            {
                ["where"] = o.Region,
                ["module"] = o.Module,
                ["first"] = o.First,
                ["second"] = o.Second,
                ["both"] = o.Both,
                ["of"] = o.Count,
            }),
        };

    private static JsonObject Group(AdapterAnalysis analysis, MatrixGroup group)
    {
        var spectra = analysis.Spectra(group);
        return new()
        {
            ["matrices"] = spectra.Count,
            ["norm"] = JsonText.Number(analysis.Norm(group)),
            ["energy_at_rank"] = new JsonObject(
                Ranks(spectra).Select(r => KeyValuePair.Create($"{r}", JsonText.Number(analysis.EnergyAt(r, group))))),
            ["rank_for_energy"] = new JsonObject(
                Shares.Select(s => KeyValuePair.Create(Percent(s), (JsonNode?)Spectrum.SmallestRank(spectra, s)))),
        };
    }

    private static JsonObject Matrix(MatrixReport m)
    {
        var json = Of(m.Spectrum);
        json.Insert(0, "path", m.Place.Path);
        json.Insert(1, "layer", m.Place.Layer);
        json.Insert(2, "module", m.Place.Module);
        json.Insert(3, "shape", new JsonArray(m.Rows, m.Columns));
        json.Insert(4, "base_norm", JsonText.Number(m.BaseNorm));
        json["rounding"] = Array(
            m.Rounding,
            r => new()
            {
                ["type"] = r.Type,
                ["update_error"] = JsonText.Number(r.UpdateError),
                ["output_error"] = JsonText.Number(r.OutputError),
            });
        return json;
    }

    private static JsonObject Of(Spectrum s) => new()
    {
        ["norm"] = JsonText.Number(s.Norm),
        ["largest"] = JsonText.Number(s.Largest),
        ["stable_rank"] = JsonText.Number(s.StableRank),
        ["entropy_rank"] = JsonText.Number(s.EntropyRank),
        ["rank_for_energy"] = new JsonObject(Shares.Select(share => KeyValuePair.Create(Percent(share), (JsonNode?)s.RankFor(share)))),
        ["singular_values"] = Numbers(s.Values.Take(s.NumericalRank)),
    };

    private static JsonArray Array<T>(IEnumerable<T> items, Func<T, JsonObject> of) => new([.. items.Select(i => (JsonNode)of(i))]);

    private static JsonArray Numbers(IEnumerable<double> values) =>
        new([.. values.Select(v => JsonText.Number(double.IsFinite(v) ? double.Parse(v.ToString("G6", null), null) : v))]);

    private static JsonArray Grid(double[,] values) =>
        new(
            [
                .. Enumerable.Range(0, values.GetLength(0))
                    .Select(i => (JsonNode)Numbers(Enumerable.Range(0, values.GetLength(1)).Select(j => values[i, j]))),
            ]);

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0}%");
}
