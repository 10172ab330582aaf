using PeftSharp.Methods.Reparameterized.Lora.Start;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

// ReLoRA (Lialin et al. 2023, arXiv 2307.05695): several updates of a low rank, one after the other, make one of a higher. The paper merges
// each into the dense weight; here they are kept as factors, which computes the same, needs no dense copy of a quantised weight, and is
// saved as a plain LoRA of their summed rank.
internal sealed partial class LoraMethod
{
    private const string PastA = "/past_A", PastB = "/past_B";

    /// <inheritdoc/>
    public override IReadOnlyList<TrainingPhase> Phases => _options.Restarts == 0 ? []
        : [.. Enumerable.Range(0, _options.Restarts + 1).Select(i => new TrainingPhase(i == 0 ? "first factors" : $"restart {i}"))];

    /// <inheritdoc/>
    public override void OnPhase(int phase)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var map in _maps)
        {
            Keep(map, PastFactors.With(map.Past, map.A.Value, map.B.Value));
            var path = $"{map.Site.Path}.restart{phase}";
            map.A.Value.copy_(LoraStart.A(_options.InitText, path, map.Rank, map.Site.InFeatures, SeedOf));
            map.B.Value.copy_(LoraStart.B(_options.InitText, isZero: true, path, map.Rank, map.Site.OutFeatures, SeedOf));
        }
    }

    private static void Keep(AdaptedMap map, PastFactors past)
    {
        map.Past?.Dispose();
        map.Past = past;
    }

    // The map of a factor that others came before.
    internal AdaptedMap? Restarted(AdapterTensor tensor) => _maps.Find(m => (m.A == tensor || m.B == tensor) && m.Past is not null);

    // Ranks together, as a multiple of one.
    private int Rounds => _maps.Find(m => m is { Past: not null, Rank: > 0 }) is { } map ? 1 + (int)(map.Past!.A.shape[0] / map.Rank) : 1;

    private IEnumerable<KeyValuePair<string, Tensor>> PastState => _maps.Where(m => m.Past is not null).SelectMany(
        m => new[] { KeyValuePair.Create(m.Site.Path + PastA, m.Past!.A), KeyValuePair.Create(m.Site.Path + PastB, m.Past.B) });

    private static bool IsPast(string name) =>
        name.EndsWith(PastA, StringComparison.Ordinal) || name.EndsWith(PastB, StringComparison.Ordinal);

    private void RestorePast(IReadOnlyDictionary<string, Tensor> tensors)
    {
        var chosen = new List<(AdaptedMap Map, Tensor A, Tensor B)>();
        foreach (var map in _maps)
        {
            tensors.TryGetValue(map.Site.Path + PastA, out var a);
            tensors.TryGetValue(map.Site.Path + PastB, out var b);
            if (a is null && b is null) continue;
            var fits = a?.shape is [var ranks, var width] && b?.shape is [var height, var same] && ranks == same && ranks % map.Rank == 0
                && width == map.Site.InFeatures && height == map.Site.OutFeatures && ranks / map.Rank <= _options.Restarts
                && a.dtype == map.A.Value.dtype && b.dtype == map.B.Value.dtype;
            if (!fits)
                throw new PeftException(
                    $"LORA: the saved state's factors before the restart of {map.Site.Path} do not fit its rank of {map.Rank}; {Resume}.");
            chosen.Add((map, a!, b!));
        }
        if (chosen.Count * 2 != tensors.Keys.Count(IsPast) || (chosen.Count > 0 && chosen.Count != _maps.Count))
            throw new PeftException($"LORA: the saved state's factors before a restart are not those of {_maps.Count} maps; {Resume}.");
        foreach (var (map, a, b) in chosen) Keep(map, PastFactors.With(null, a, b));
    }
}
