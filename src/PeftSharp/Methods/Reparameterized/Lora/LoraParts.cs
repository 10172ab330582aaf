using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>
/// How AdapterHub keeps the updates of maps that share a tensor (GPT-2's queries and values): the parts' factors and gates below each
/// other, under the whole's name.
/// </summary>
internal sealed class LoraParts
{
    // The adapted parts of each whole, in the order of its rows.
    private readonly List<(string Whole, string[] Parts, long[] Rows)> _wholes;

    public LoraParts(IEnumerable<ProjectionSite> adapted) =>
        _wholes = [.. adapted.Where(p => p.Weight is PartSlot)
            .GroupBy(p => p.Path[..p.Path.LastIndexOf('.')])
            .Select(g => (g.Key, Sites: g.OrderBy(p => ((PartSlot)p.Weight).Rows.First).ToList()))
            .Select(g => (g.Key, g.Sites.Select(p => p.Path).ToArray(), g.Sites.Select(p => p.OutFeatures).ToArray()))];

    /// <summary>True if the module is such a part.</summary>
    public bool Contains(string path) => _wholes.Any(w => w.Parts.Contains(path));

    /// <summary>The parts' tensors joined, in the caller's dispose scope; others as they are.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Join(IEnumerable<KeyValuePair<string, Tensor>> saved)
    {
        var tensors = saved.ToList();
        foreach (var (key, value) in tensors)
        {
            if (Find(key) is not { } found) yield return new(key, value);
            else if (found.Index == 0)
                yield return new(
                    $"{found.Whole}{found.Tail}",
                    cat([.. found.Parts.Select(part => tensors.First(t => t.Key == part + found.Tail).Value)]));
        }
    }

    /// <summary>The parts' tensors again, views in the caller's dispose scope.</summary>
    public IReadOnlyDictionary<string, Tensor> Split(IReadOnlyDictionary<string, Tensor> saved)
    {
        var result = new Dictionary<string, Tensor>();
        foreach (var (key, value) in saved)
        {
            var (whole, parts, widths) = _wholes.FirstOrDefault(w => key.StartsWith($"{w.Whole}.loras.", StringComparison.Ordinal));
            // What does not divide keeps its name, which has no place then: it is refused with it.
            if (whole is null || RowsOf(key, value, widths) is not { } rows) result[key] = value;
            else
            {
                var first = 0L;
                for (var i = 0; i < parts.Length; i++)
                {
                    result[parts[i] + key[whole.Length..]] = value.narrow(0, first, rows[i]);
                    first += rows[i];
                }
            }
        }
        return result;
    }

    // How many rows each part has of a tensor: as many as its map yields of B, the same of all others. Null where it does not divide so.
    private static long[]? RowsOf(string key, Tensor value, long[] widths)
    {
        if (key.EndsWith(".lora_B", StringComparison.Ordinal)) return value.shape[0] == widths.Sum() ? widths : null;
        return value.shape[0] % widths.Length == 0 ? [.. widths.Select(_ => value.shape[0] / widths.Length)] : null;
    }

    private (string Whole, string[] Parts, int Index, string Tail)? Find(string key)
    {
        foreach (var (whole, parts, _) in _wholes)
            for (var i = 0; i < parts.Length; i++)
                if (key.StartsWith($"{parts[i]}.", StringComparison.Ordinal)) return (whole, parts, i, key[parts[i].Length..]);
        return null;
    }
}
