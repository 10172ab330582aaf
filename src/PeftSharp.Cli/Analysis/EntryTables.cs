using System.Globalization;
using PeftSharp.Analysis.Entries;
using PeftSharp.Cli.Terminal;

namespace PeftSharp.Cli.Analysis;

/// <summary>Which single weights sparse adapters change, as tables on standard output.</summary>
internal static class EntryTables
{
    public static void Write(IReadOnlyList<ChangedTensor> changed, IReadOnlyList<EntryOverlap>? common)
    {
        if (changed.Count == 0) return;
        var places = ChangedEntries.ByPlace(changed);
        Changed(places);
        if (common is { Count: > 0 }) Common(common);
    }

    private static void Changed(IReadOnlyList<ChangedPlace> places)
    {
        var (some, all) = (places.Sum(p => p.Changed), places.Sum(p => p.Count));
        Screen.Say($"\nSingle weights that the adapter changes: {Whole(some)} of {Whole(all)} ({Share(some, all)})");
        By("where", places, p => p.Region, some);
        By("module", places, p => p.Module, some);
    }

    private static void By(string title, IReadOnlyList<ChangedPlace> places, Func<ChangedPlace, string> of, long some)
    {
        var grid = new Grid(title, ">changed", ">of", ">share", ">of all changes");
        foreach (var group in places.GroupBy(of))
        {
            var (changed, count) = (group.Sum(p => p.Changed), group.Sum(p => p.Count));
            grid.Row(group.Key, Whole(changed), Whole(count), Share(changed, count), Share(changed, some));
        }
        grid.Write();
    }

    private static void Common(IReadOnlyList<EntryOverlap> common)
    {
        Screen.Say("\nWeights that both adapters change (by chance: for choices that know nothing of each other)");
        var grid = new Grid("where", ">first", ">second", ">both", ">both / either", ">both / smaller", ">by chance");
        var regions = common.GroupBy(o => o.Region).Select(g => EntryOverlap.Total([.. g]) with { Region = g.Key });
        foreach (var o in regions.Append(EntryOverlap.Total(common) with { Region = "all" }))
            grid.Row(
                o.Region, Whole(o.First), Whole(o.Second), Whole(o.Both), Number(o.Jaccard), Number(o.OfSmaller), Number(o.Random));
        grid.Write();
    }

    private static string Whole(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Share(long part, long all) =>
        all == 0 ? "n/a" : FormattableString.Invariant($"{100.0 * part / all:0.###} %");

    private static string Number(double value) =>
        double.IsFinite(value) ? value.ToString(value is >= 0.01 or 0 ? "0.###" : "0.0e+0", CultureInfo.InvariantCulture) : "n/a";
}
