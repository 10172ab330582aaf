using System.Globalization;
using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.Union;

/// <summary>
/// Version 1 of a layout of ours for unions that AdapterHub has no place for: peft's names and files, the parts' settings under
/// <c>parts</c>, and before the names of a part whose places are taken by an earlier one its index and a colon. A part that peft's format
/// keeps in a way of its own (values and their places, bits, what a network yields) is kept in that way, <c>parts.INDEX.</c> before its
/// names.
/// </summary>
internal sealed class UnionPeft : PeftLayout
{
    public override string? Refusal(MethodOptions options) => Sentence(
        ((UnionOptions)options).EffectiveParts.Select(p => p.Refusal(AdapterFormat.Peft)).FirstOrDefault(r => r is not null));

    public override string? Refusal(PeftMethod adapter)
    {
        if (Refusal(adapter.Options) is { } sentence) return sentence;
        return Sentence(((UnionMethod)adapter).Parts.Select(p => p.Refusal(AdapterFormat.Peft)).FirstOrDefault(r => r is not null));
    }

    public override MethodOptions SavedOptions(PeftMethod adapter) => (UnionOptions)adapter.Options with
    {
        SavedParts = [.. ((UnionMethod)adapter).Parts.Select(part => new MethodPart(Of(part).SavedOptions(part)))],
    };

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        ((UnionMethod)adapter).Owner(tensor) is not { } part ? base.Name(adapter, tensor)
        : Of(part).Name(part, tensor) is not { } name ? null
        : IsPlain(part) ? PlacesOfParts.Before((UnionMethod)adapter, part, Format) + name
        : StartOf(adapter, part) + name;

    public override IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter)
    {
        var own = ((UnionMethod)adapter).Parts.Where(part => !IsPlain(part)).ToList();
        foreach (var tensor in adapter.Kept.Where(t => ((UnionMethod)adapter).Owner(t) is not { } part || !own.Contains(part)))
            foreach (var written in Encode(adapter, tensor, Name(adapter, tensor)!)) yield return written;
        foreach (var part in own)
            foreach (var (name, value) in Of(part).Write(part)) yield return new(StartOf(adapter, part) + name, value);
    }

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        using var guard = no_grad();
        var union = (UnionMethod)adapter;
        var rest = saved.ToDictionary();
        // The file says which parts have names of their own: one that trains nothing before it is read looks like any other.
        var own = union.Parts.Where(part => saved.Keys.Any(key => IsOf(key, StartOf(adapter, part)))).ToList();
        foreach (var part in own) ReadPart(adapter, part, rest, file);
        var expected = adapter.Kept.Where(t => union.Owner(t) is not { } part || !own.Contains(part))
            .Select(t => (Tensor: t, Key: Name(adapter, t)))
            .Where(t => t.Key is not null && !IsLeftToBase(adapter, t.Tensor, rest))
            .ToList();
        foreach (var (tensor, key) in expected) SavedTensor.Require(rest, key!, tensor.OnDisk.shape, file);
        if (rest.Keys.Except(expected.Select(e => e.Key)).FirstOrDefault() is { } stray) throw SavedTensor.Stray(stray, file);
        foreach (var (tensor, key) in expected) tensor.OnDisk.copy_(rest[key!]);
        union.AdoptAnew();
        adapter.EncoderRestored();
    }

    private static void ReadPart(PeftMethod adapter, PeftMethod part, Dictionary<string, Tensor> saved, string file)
    {
        var start = StartOf(adapter, part);
        var its = saved.Where(t => IsOf(t.Key, start)).ToDictionary(t => t.Key[start.Length..], t => t.Value);
        foreach (var name in its.Keys) saved.Remove(start + name);
        Of(part).Read(part, its, $"{file}, {start}* ({part.Options.PeftType})");
    }

    private static bool IsOf(string key, string start) => key.StartsWith(start, StringComparison.Ordinal);

    private static string StartOf(PeftMethod adapter, PeftMethod part) =>
        string.Create(CultureInfo.InvariantCulture, $"parts.{((UnionMethod)adapter).Parts.ToList().IndexOf(part)}.");

    // Whether a part is written tensor by tensor, under its names and in its shapes.
    private static bool IsPlain(PeftMethod part)
    {
        using var scope = NewDisposeScope();
        var layout = Of(part);
        var written = layout.Write(part).Select(t => (t.Key, string.Join('x', t.Value.shape)));
        var own = part.Tensors.Concat(part.Frozen).Select(t => (layout.Name(part, t)!, string.Join('x', t.OnDisk.shape)));
        return written.SequenceEqual(own);
    }

    private static PeftLayout Of(PeftMethod part) => (PeftLayout)part.Layout(AdapterFormat.Peft);

    private static string? Sentence(string? of) => of is null ? null : $"UNION: {of}";
}
