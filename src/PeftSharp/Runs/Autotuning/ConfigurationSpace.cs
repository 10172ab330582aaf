using System.Text.Json.Nodes;
using PeftSharp.Data;

namespace PeftSharp.Runs.Autotuning;

/// <summary>The points of a search space for a model of so many layers: drawn, walked, measured, and written as settings.</summary>
/// <param name="space">What is chosen.</param>
/// <param name="layers">Layers of the model.</param>
internal sealed class ConfigurationSpace(SearchSpace space, int layers)
{
    private const int MostDraws = 1000;

    private readonly int[] _counts =
    [
        .. space.Modules.Select(m => m.Sizes.Count), .. space.Settings.Select(s => s.Values.Count),
        .. Enumerable.Repeat(2, space.Layers ? layers : 0),
    ];

    private int FirstLayer => space.Modules.Count + space.Settings.Count;

    /// <summary>A point, each axis drawn uniformly; null where none is found that has a module in a layer and passes.</summary>
    /// <param name="random">Where the draws come from.</param>
    /// <param name="passes">What it must fulfil besides.</param>
    public Configuration? Draw(SeededRandom random, Func<Configuration, bool> passes)
    {
        for (var i = 0; i < MostDraws; i++)
        {
            var drawn = new Configuration([.. _counts.Select(random.Next)]);
            if (IsUsed(drawn) && passes(drawn)) return drawn;
        }
        return null;
    }

    /// <summary>The points that differ in one axis.</summary>
    public IEnumerable<Configuration> Neighbours(Configuration point) =>
        from axis in Enumerable.Range(0, _counts.Length)
        from value in Enumerable.Range(0, _counts[axis])
        where value != point.Values[axis]
        let other = point.With(axis, value)
        where IsUsed(other)
        select other;

    /// <summary>
    /// A point as numbers between 0 and 1, by which a model of scores measures distances: sizes by their logarithm, settings by their place
    /// in the list, layers as bits.
    /// </summary>
    public double[] Features(Configuration point) =>
    [
        .. space.Modules.Select((m, i) => Logarithm(m.Sizes[point.Values[i]]) / Math.Max(1, Logarithm(m.Sizes[^1]))),
        .. space.Settings.Select((s, i) => point.Values[space.Modules.Count + i] / (double)Math.Max(1, s.Values.Count - 1)),
        .. point.Values.Skip(FirstLayer).Select(bit => (double)bit),
    ];

    /// <summary>How many of the features are layers; they stand at the end.</summary>
    public int LayerFeatures => _counts.Length - FirstLayer;

    /// <summary>A point as settings of a run: its method, the method's settings, and what else is chosen.</summary>
    public JsonObject Settings(Configuration point)
    {
        var active = space.Modules.Select((m, i) => (Module: m, Size: m.Sizes[point.Values[i]])).Where(m => m.Size > 0).ToList();
        var settings = new JsonObject { ["method"] = string.Join('|', active.Select(m => m.Module.Method)) };
        foreach (var (module, size) in active)
            foreach (var (name, value) in module.Of(size, Off(point), layers, active.Count == 1))
                settings[active.Count == 1 ? name : $"{module.Method}.{name}"] = value?.DeepClone();
        for (var i = 0; i < space.Settings.Count; i++)
            settings[space.Settings[i].Key] = space.Settings[i].Values[point.Values[space.Modules.Count + i]];
        return settings;
    }

    /// <summary>A point for people.</summary>
    public string Describe(Configuration point)
    {
        var modules = space.Modules.Select((m, i) => (m.Method, Size: m.Sizes[point.Values[i]], Sized: m.SizeSetting is not null))
            .Where(m => m.Size > 0).Select(m => m.Sized ? $"{m.Method} {m.Size}" : m.Method);
        var settings = space.Settings.Select((s, i) => $"{s.Key} {s.Values[point.Values[space.Modules.Count + i]]}");
        var off = Off(point);
        string[] where = off.Count == 0 ? [] : [$"layers {string.Join(' ', Enumerable.Range(0, layers).Except(off))}"];
        return string.Join(", ", modules.Concat(settings).Concat(where));
    }

    private IReadOnlyList<int> Off(Configuration point) =>
        [.. Enumerable.Range(0, _counts.Length - FirstLayer).Where(layer => point.Values[FirstLayer + layer] == 0)];

    private bool IsUsed(Configuration point) =>
        space.Modules.Where((m, i) => m.Sizes[point.Values[i]] > 0).Any()
        && (LayerFeatures == 0 || point.Values.Skip(FirstLayer).Any(bit => bit == 1));

    private static double Logarithm(int size) => size == 0 ? 0 : 1 + Math.Log2(size);
}
