using System.Text.Json.Nodes;
using PeftSharp.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>
/// A method made of other methods under one identity. Every hook and everything that is kept or saved reaches each part exactly once.
/// </summary>
/// <remarks>
/// A test holds that nothing virtual of <see cref="PeftMethod"/> is left out here, so that a new hook cannot be forgotten.
/// </remarks>
internal abstract class CompositeMethod(string name) : PeftMethod(name)
{
    private readonly List<PeftMethod> _parts = [];

    /// <summary>The parts, in the order in which they were added; empty before the adapter is attached.</summary>
    public IReadOnlyList<PeftMethod> Parts => _parts;

    /// <summary>
    /// Attaches a part that shares this adapter's identity and takes its tensors over; the head stays the composite's own.
    /// </summary>
    /// <exception cref="PeftException">The part does not fit the model, or trains what another part trains; <see cref="PeftMethod.Attach"/>
    /// takes everything back then.</exception>
    /// <param name="options">The part's settings.</param>
    /// <param name="host">The model.</param>
    /// <param name="beforehand">What the part is told before it is attached; null for nothing.</param>
    protected PeftMethod AddPart(MethodOptions options, MethodHost host, Action<PeftMethod>? beforehand = null)
    {
        var index = _parts.Count;
        if (index == 0) OnDetach(_parts.Clear);
        // A second part of a kind has start values of its own: two that start alike would stay alike.
        var seed = _parts.Any(p => p.Options.PeftType == options.PeftType)
            ? Interop.SeedSequence.Derive(host.Seed, $"part {index}")
            : host.Seed;
        var part = options.Create(Name);
        part.Tag = Tag;
        beforehand?.Invoke(part);
        part.Attach(host with { HeadModules = [], WholeHead = host.WholeHead, IsPart = true, Seed = seed });
        OnDetach(part.Detach);
        if (part.Tensors.Any(t => Tensors.Any(other => other.Name == t.Name)))
            foreach (var tensor in part.Tensors.Concat(part.Frozen)) tensor.Scope = $"{index}:{tensor.Scope}";
        Adopt(part);
        _parts.Add(part);
        return part;
    }

    /// <summary>The part that a tensor belongs to; null where it is the whole's own.</summary>
    internal PeftMethod? Owner(AdapterTensor tensor) => _parts.FirstOrDefault(p => p.Tensors.Contains(tensor) || p.Frozen.Contains(tensor));

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data)
    {
        foreach (var part in _parts) part.OnPrepare(data);
        _parts.ForEach(AdoptAnew);
    }

    /// <inheritdoc/>
    internal override bool PhasesReachHead => Parts.Any(part => part.PhasesReachHead);

    /// <inheritdoc/>
    /// <remarks>A border of any part is one of the whole.</remarks>
    public override IReadOnlyList<TrainingPhase> Phases
    {
        get
        {
            var borders = Borders;
            if (borders.Count == 1) return [];
            return [.. borders.Select((end, i) => new TrainingPhase($"phase {i + 1}", end - (i == 0 ? 0 : borders[i - 1])))];
        }
    }

    /// <inheritdoc/>
    public override void OnPhase(int phase)
    {
        foreach (var part in _parts)
            if (PhaseOf(part, phase) is var own && own != PhaseOf(part, phase - 1)) part.OnPhase(own);
        _parts.ForEach(AdoptAnew);
    }

    /// <inheritdoc/>
    internal override Action? Rehearse()
    {
        var back = _parts.Select(part => part.Rehearse()).OfType<Action>().ToList();
        if (back.Count == 0) return null;
        AdoptAnew();
        return () =>
        {
            back.ForEach(action => action());
            AdoptAnew();
        };
    }

    // Where phases end, as shares of the run; the last is 1.
    private List<double> Borders => [.. _parts.SelectMany(Ends).Append(1).Select(end => Math.Round(end, 9)).Distinct().Order()];

    private static IEnumerable<double> Ends(PeftMethod part)
    {
        var (all, soFar) = (part.Phases.Sum(p => p.Share), 0.0);
        foreach (var phase in part.Phases) yield return (soFar += phase.Share) / all;
    }

    private int PhaseOf(PeftMethod part, int phase)
    {
        var start = phase == 0 ? 0 : Borders[phase - 1];
        return Ends(part).Count(end => Math.Round(end, 9) <= start);
    }

    /// <inheritdoc/>
    public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call) =>
        _parts.Aggregate(loss, (soFar, part) => part.ComputeLoss(soFar, call));

    /// <inheritdoc/>
    public override void AfterBackward(StepState step) => _parts.ForEach(p => p.AfterBackward(step));

    /// <inheritdoc/>
    public override void BeforeStep(StepState step) => _parts.ForEach(p => p.BeforeStep(step));

    /// <inheritdoc/>
    public override void AfterStep(StepState step) => _parts.ForEach(p => p.AfterStep(step));

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> State =>
        _parts.SelectMany((p, i) => p.State.Select(s => KeyValuePair.Create($"{i}.{s.Key}", s.Value))).ToDictionary();

    /// <inheritdoc/>
    public override JsonNode? StateJson
    {
        get
        {
            var all = _parts.Select(p => p.StateJson).ToArray();
            return all.All(json => json is null) ? null : new JsonArray(all);
        }
    }

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        if (json is not null && (json as JsonArray)?.Count != _parts.Count)
            throw new PeftException(
                $"{Options.PeftType}: the saved state is not that of {_parts.Count} parts; resume with the parts that the run began with.");
        var stray = tensors.Keys.FirstOrDefault(
            key => !Enumerable.Range(0, _parts.Count).Any(i => key.StartsWith($"{i}.", StringComparison.Ordinal)));
        if (stray is not null)
            throw new PeftException(
                $"{Options.PeftType}: the saved state holds \"{stray}\", which belongs to none of the {_parts.Count} parts.");
        using var scope = NewDisposeScope();
        List<(PeftMethod Part, Dictionary<string, Tensor> Tensors, JsonNode? Json)> before = [];
        try
        {
            for (var i = 0; i < _parts.Count; i++)
            {
                var part = _parts[i];
                before.Add((part, part.State.ToDictionary(s => s.Key, s => s.Value.detach().clone()), part.StateJson));
                part.RestoreState(tensors.Part($"{i}."), (json as JsonArray)?[i]?.DeepClone());
            }
        }
        catch (PeftException)
        {
            // The part that refused has changed nothing; those before it go back.
            foreach (var (part, saved, kept) in before[..^1]) part.RestoreState(saved, kept);
            _parts.ForEach(AdoptAnew);
            throw;
        }
        _parts.ForEach(AdoptAnew);
    }

    /// <summary>Takes over what the parts train now, after they have read saved tensors.</summary>
    internal void AdoptAnew() => _parts.ForEach(AdoptAnew);

    /// <inheritdoc/>
    public override bool EncoderIsKnown => _parts.TrueForAll(p => p.EncoderIsKnown);

    /// <inheritdoc/>
    public override void EncoderRestored() => _parts.ForEach(p => p.EncoderRestored());
}
