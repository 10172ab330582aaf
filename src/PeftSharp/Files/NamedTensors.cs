using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>Tensors by name, checked and copied.</summary>
internal static class NamedTensors
{
    /// <summary>Copies under a prefix; they belong to whoever takes them.</summary>
    public static void AddCopies(this Dictionary<string, Tensor> to, string prefix, IEnumerable<KeyValuePair<string, Tensor>> from)
    {
        using var guard = no_grad();
        foreach (var (name, value) in from) to.Add(prefix + name, value.detach().clone().DetachFromDisposeScope());
    }

    /// <summary>Those of a prefix, without it.</summary>
    public static Dictionary<string, Tensor> Part(this IReadOnlyDictionary<string, Tensor> all, string prefix) =>
        all.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(t => t.Key[prefix.Length..], t => t.Value);

    /// <summary>Refuses saved tensors that are not exactly those of <paramref name="live"/> in name, shape and type.</summary>
    public static void Check(IReadOnlyDictionary<string, Tensor> live, IReadOnlyDictionary<string, Tensor> saved, string what)
    {
        foreach (var (name, value) in live)
        {
            if (!saved.TryGetValue(name, out var found))
                throw new PeftException(
                    $"The saved training state lacks the tensor \"{name}\" of {what}; it belongs to another model, method or optimizer.");
            if (!found.shape.SequenceEqual(value.shape) || found.dtype != value.dtype)
                throw new PeftException(
                    $"The saved training state holds {what} \"{name}\" as {Kind(found)}, but this run has {Kind(value)}; it belongs to "
                    + "another model, method or optimizer.");
        }
        if (saved.Keys.FirstOrDefault(k => !live.ContainsKey(k)) is { } stray)
            throw new PeftException(
                $"The saved training state holds the tensor \"{stray}\" of {what}, which this run lacks; it belongs to another model, "
                + "method or optimizer.");
    }

    /// <summary>Copies checked tensors over live ones.</summary>
    public static void Copy(IReadOnlyDictionary<string, Tensor> live, IReadOnlyDictionary<string, Tensor> saved)
    {
        using var guard = no_grad();
        foreach (var (name, value) in live) value.copy_(saved[name]);
    }

    private static string Kind(Tensor tensor) => $"{tensor.dtype} [{string.Join(", ", tensor.shape)}]";
}
