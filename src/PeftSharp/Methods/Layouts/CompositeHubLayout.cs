using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Layouts;

/// <summary>AdapterHub's format for a method made of others: each part's tensors under the part's own names.</summary>
/// <remarks>
/// A test holds that nothing virtual of <see cref="AdapterLayout"/> is left out here or in <see cref="AdapterHubLayout"/>.
/// </remarks>
internal abstract class CompositeHubLayout : AdapterHubLayout
{
    /// <inheritdoc/>
    public override string? Refusal(PeftMethod adapter) =>
        Refusal(adapter.Options) ?? Parts(adapter).Select(p => p.Refusal(Format)).FirstOrDefault(r => r is not null);

    /// <inheritdoc/>
    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        Owner(adapter, tensor) is { } part
            ? Of(part).Name(part, tensor) is { } name ? Before(adapter, part) + name : null
            : tensor.SavedModule ? null : tensor.Name;

    /// <inheritdoc/>
    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        Owner(adapter, tensor) is { } part ? Of(part).ReferenceName(part, tensor) : tensor.Name;

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter)
    {
        var written = new HashSet<string>();
        var own = adapter.Kept.Where(t => Owner(adapter, t) is null && Name(adapter, t) is not null)
            .SelectMany(t => Encode(adapter, t, Name(adapter, t)!));
        foreach (var pair in Parts(adapter).SelectMany(p => Written(adapter, p)).Concat(own))
        {
            if (!written.Add(pair.Key))
                throw new PeftException(
                    $"{adapter.Options.PeftType}: two of its parts would be saved as \"{pair.Key}\", for which the format has one place; "
                    + "let them act at different places.");
            yield return pair;
        }
    }

    /// <inheritdoc/>
    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var parts = Parts(adapter);
        var places = parts.Select(p => Written(adapter, p).ToDictionary(t => t.Key, t => t.Value.shape)).ToList();
        foreach (var (key, shape) in places.SelectMany(p => p)) SavedTensor.Require(saved, key, shape, file);
        if (saved.Keys.FirstOrDefault(k => !places.Any(p => p.ContainsKey(k)) && !MayLeaveOut(adapter, k)) is { } stray)
            throw SavedTensor.Stray(stray, file);
        foreach (var (part, own) in parts.Zip(places))
        {
            var before = Before(adapter, part).Length;
            Of(part).Read(part, saved.Where(t => own.ContainsKey(t.Key)).ToDictionary(t => t.Key[before..], t => t.Value), file);
        }
        ((CompositeMethod)adapter).AdoptAnew();
    }

    /// <inheritdoc/>
    public override bool MayLeaveOut(PeftMethod adapter, string key) => Parts(adapter).Any(p => Of(p).MayLeaveOut(p, key));

    private IEnumerable<KeyValuePair<string, Tensor>> Written(PeftMethod adapter, PeftMethod part)
    {
        var before = Before(adapter, part);
        return Of(part).Write(part).Select(t => KeyValuePair.Create(before + t.Key, t.Value));
    }

    private string Before(PeftMethod adapter, PeftMethod part) => PlacesOfParts.Before((CompositeMethod)adapter, part, Format);

    private static IReadOnlyList<PeftMethod> Parts(PeftMethod adapter) => ((CompositeMethod)adapter).Parts;

    private static PeftMethod? Owner(PeftMethod adapter, AdapterTensor tensor) => ((CompositeMethod)adapter).Owner(tensor);

    private AdapterLayout Of(PeftMethod part) => part.Layout(Format);
}
