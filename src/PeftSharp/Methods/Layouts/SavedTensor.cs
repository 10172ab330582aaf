using static TorchSharp.torch;

namespace PeftSharp.Methods.Layouts;

/// <summary>Refusals of saved tensors that do not belong to an adapter.</summary>
internal static class SavedTensor
{
    /// <summary>Refuses a saved tensor that is missing or of another shape.</summary>
    public static void Require(IReadOnlyDictionary<string, Tensor> saved, string key, long[] shape, string file)
    {
        if (!saved.TryGetValue(key, out var found))
            throw new PeftException($"{file}: tensor \"{key}\" is missing; the adapter was made for another base model or other settings.");
        if (!found.shape.SequenceEqual(shape))
            throw new PeftException(
                $"{file}: tensor \"{key}\" has the shape [{string.Join(", ", found.shape)}]; this base model and these settings ask for "
                + $"[{string.Join(", ", shape)}].");
    }

    /// <summary>A saved tensor that nothing here asks for.</summary>
    public static PeftException Stray(string key, string file) => new(
        $"{file}: tensor \"{key}\" has no place in this model with these settings; "
        + "the adapter was made for another base model or other settings.");
}
