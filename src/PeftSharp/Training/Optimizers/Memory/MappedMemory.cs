using PeftSharp.Data;
using PeftSharp.Data.Storage;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Training.Optimizers.Memory;

/// <summary>
/// State in a file that is mapped into memory: what is not in use goes to the disk when memory runs short, and comes back when it is read.
/// The file is gone when the program is, however that ends.
/// </summary>
/// <param name="folder">The folder of the file; null (default): <c>peftsharp/scratch</c> in the user's folder for caches.</param>
internal sealed class MappedMemory(string? folder = null) : IStateMemory
{
    // Kernels read vectors of up to 64 bytes.
    private const long Alignment = 64;

    private readonly List<Tensor> _tensors = [];
    private readonly List<PagedFile> _files = [];

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Allocate(IReadOnlyList<StatePlace> places)
    {
        if (places.FirstOrDefault(p => p.Device.type != DeviceType.CPU) is { } elsewhere)
            throw new PeftException(
                $"The optimizer's state for {elsewhere.Name} is on {elsewhere.Device}, and only the CPU's can be paged; "
                + "choose an optimizer without \"paged\".");
        var offsets = new long[places.Count];
        var end = 0L;
        for (var i = 0; i < offsets.Length; i++)
        {
            offsets[i] = end;
            end += (places[i].Bytes + Alignment - 1) / Alignment * Alignment;
        }
        if (end == 0) return new Dictionary<string, Tensor>();
        var file = PagedFile.Create(new DataStorage { Folder = folder }, end);
        _files.Add(file);
        using var scope = NewDisposeScope();
        var made = new Dictionary<string, Tensor>();
        for (var i = 0; i < offsets.Length; i++)
        {
            made[places[i].Name] = file.View(places[i].Type, offsets[i], places[i].Shape).DetachFromDisposeScope();
        }
        _tensors.AddRange(made.Values);
        return made;
    }

    /// <inheritdoc/>
    public bool IsPaged => true;

    /// <inheritdoc/>
    public void Expect(IReadOnlyList<Tensor> tensors)
    {
        foreach (var tensor in tensors) PageAdvice.Expect(tensor);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _tensors) tensor.Dispose();
        foreach (var file in _files) file.Dispose();
        _tensors.Clear();
        _files.Clear();
    }
}
