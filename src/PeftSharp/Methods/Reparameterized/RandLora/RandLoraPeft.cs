using PeftSharp.Methods.Layouts;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.RandLora;

/// <summary>
/// RandLoRA as peft reads it: the shared bases once, unless they are to be drawn again. peft writes them again for each map, which is read
/// and not repeated.
/// </summary>
internal sealed class RandLoraPeft : PeftLayout
{
    private const string Shared = "base_model.";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor)
    {
        if (tensor.Role != TensorRole.Frozen) return base.Name(adapter, tensor);
        return ((RandLoraOptions)adapter.Options).SaveProjection ? Shared + tensor.Local : null;
    }

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        foreach (var key in saved.Keys.Where(IsCopy)) RequireCopy(saved, key, file);
        base.Read(adapter, saved, file);
    }

    public override bool MayLeaveOut(PeftMethod adapter, string key) => IsCopy(key) || base.MayLeaveOut(adapter, key);

    private static bool IsCopy(string key) => key.StartsWith(Prefix, StringComparison.Ordinal)
        && (
            key.EndsWith($".{RandLoraMethod.A}", StringComparison.Ordinal)
                || key.EndsWith($".{RandLoraMethod.B}", StringComparison.Ordinal));

    // Others than the shared ones would be left out in silence.
    private static void RequireCopy(IReadOnlyDictionary<string, Tensor> saved, string key, string file)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var shared = saved.GetValueOrDefault(Shared + key[(key.LastIndexOf('.') + 1)..]);
        if (shared is null || !shared.shape.SequenceEqual(saved[key].shape) || !shared.equal(saved[key]).all().item<bool>())
            throw new PeftException(
                $"{file}: tensor \"{key}\" is not the base that all maps share; expected one pair of bases for the whole adapter: save "
                + "it again.");
    }
}
