using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.Union;

/// <summary>
/// Version 1 of a layout of ours for unions that AdapterHub has no place for: peft's names and files, the parts' settings under
/// <c>parts</c>, and before the names of a part whose places are taken by an earlier one its index and a colon.
/// </summary>
internal sealed class UnionPeft : PeftLayout
{
    public override string? Refusal(MethodOptions options) => Sentence(
        ((UnionOptions)options).EffectiveParts.Select(p => p.Refusal(AdapterFormat.Peft)).FirstOrDefault(r => r is not null));

    public override string? Refusal(PeftMethod adapter)
    {
        if (Refusal(adapter.Options) is { } sentence) return sentence;
        var parts = ((UnionMethod)adapter).Parts;
        if (parts.Select(p => p.Refusal(AdapterFormat.Peft)).FirstOrDefault(r => r is not null) is { } of) return Sentence(of);
        return parts.FirstOrDefault(p => !IsPlain(p)) is { } own
            ? $"UNION: {own.Options.PeftType} has files of a kind of its own in the peft format, which a union has no place for; save it "
              + "in the AdapterHub format, or each part alone."
            : null;
    }

    public override MethodOptions SavedOptions(PeftMethod adapter) => (UnionOptions)adapter.Options with
    {
        SavedParts = [.. ((UnionMethod)adapter).Parts.Select(part => new MethodPart(Of(part).SavedOptions(part)))],
    };

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        ((UnionMethod)adapter).Owner(tensor) is not { } part ? base.Name(adapter, tensor)
        : Of(part).Name(part, tensor) is { } name ? PlacesOfParts.Before((UnionMethod)adapter, part, Format) + name
        : null;

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        base.Read(adapter, saved, file);
        adapter.EncoderRestored();
    }

    // What other parts write (bits, joined or doubled tensors, what a network yields) this layout does not take apart.
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
