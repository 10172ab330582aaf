using PeftSharp.Methods.Layouts;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>An adapter's tensors as files of a format have them.</summary>
internal static class SavedAdapter
{
    /// <summary>What is saved, by name; belongs to the caller's scope where it is computed.</summary>
    /// <exception cref="PeftException">The method does not exist in that format.</exception>
    public static IEnumerable<KeyValuePair<string, Tensor>> SavedTensors(this PeftMethod adapter, AdapterFormat format) =>
        adapter.Layout(format).Write(adapter);

    /// <summary>Takes saved tensors over.</summary>
    /// <exception cref="PeftException">One is missing, unexpected, or of another shape; nothing is changed then.</exception>
    public static void LoadTensors(this PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, AdapterFormat format, string file) =>
        adapter.Take(() => adapter.Layout(format).Read(adapter, saved, file));

    /// <summary>Names of the saved tensors that adapters of other tasks read too, which have a file of their own; mostly none.</summary>
    public static IReadOnlySet<string> SharedNames(this PeftMethod adapter, AdapterFormat format)
    {
        if (adapter.Options.SharedName is null) return new HashSet<string>();
        var layout = adapter.Layout(format);
        return adapter.Kept.Where(t => t is { SharedAs: not null, Role: TensorRole.Trained })
            .Select(t => layout.Name(adapter, t))
            .OfType<string>()
            .ToHashSet();
    }

    /// <summary>
    /// The trained tensors of an encoder whose output is all that the format keeps; saved in a file of their own, so that training can go
    /// on.
    /// </summary>
    internal static IEnumerable<AdapterTensor> EncoderTensors(this PeftMethod adapter, AdapterFormat format)
    {
        var layout = adapter.Layout(format);
        return adapter.Tensors.Where(t => !t.SavedModule && layout.Name(adapter, t) is null);
    }
}
