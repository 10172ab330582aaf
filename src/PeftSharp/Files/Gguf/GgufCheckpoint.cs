using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Files.Gguf;

/// <summary>A GGUF file under the names, and in the order of rows, of Hugging Face.</summary>
internal sealed class GgufCheckpoint : ITensorFile
{
    private readonly GgufFile _file;
    private readonly GgufArchitecture _architecture;
    private readonly Dictionary<string, GgufTensor> _stored = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorInfo> _infos = new(StringComparer.Ordinal);

    private GgufCheckpoint(GgufFile file)
    {
        (_file, _architecture) = (file, GgufArchitecture.Of(file));
        foreach (var tensor in file.Tensors.Values)
        {
            var name = _architecture.ToHuggingFace(tensor.Name) ?? tensor.Name;
            var type = tensor.Type.Name switch { "F16" => ScalarType.Float16, "BF16" => ScalarType.BFloat16, _ => ScalarType.Float32 };
            _stored.TryAdd(name, tensor);
            _infos.TryAdd(name, new TensorInfo(name, type, tensor.Shape, tensor.Offset, tensor.Bytes)
            {
                Blocks = tensor.Type.IsPlain ? null
                : tensor.Type.Name
            });
        }
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => _infos;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata =>
        _file.Metadata.Values.Where(value => value.Value is string && value.Key.StartsWith("general.", StringComparison.Ordinal))
        .ToDictionary(value => value.Key, value => (string)value.Value);

    /// <summary>Opens a file.</summary>
    /// <exception cref="PeftException">It is damaged, or of an architecture that is not known.</exception>
    public static GgufCheckpoint Open(string path)
    {
        var file = GgufFile.Open(path);
        try
        {
            return new(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor Read(string name)
    {
        var tensor = _stored[name];
        var value = _file.Read(tensor);
        if (Order(tensor) is not null) return Ordered(value, tensor);
        if (_architecture.NormShift == 0 || !name.EndsWith("norm.weight", StringComparison.Ordinal)) return value;
        using var guard = no_grad();
        using (value) return value.Plus(-(double)_architecture.NormShift).DetachFromDisposeScope();
    }

    /// <summary>The blocks of a tensor, [rows, bytes of a row], and how they are kept; null where it is kept in plain numbers.</summary>
    /// <returns>A new tensor, the caller's, in no dispose scope.</returns>
    public (Tensor Blocks, GgufType Type)? Packed(string name)
    {
        var tensor = _stored[name];
        if (tensor.Type.IsPlain || tensor.Shape.Length != 2) return null;
        var blocks = _file.Blocks(tensor);
        return (Order(tensor) is null ? blocks : Ordered(blocks, tensor), tensor.Type);
    }

    /// <inheritdoc/>
    /// <remarks>Maps that read the file in its blocks still find them: pages that are asked for again come from the file.</remarks>
    public void Forget(string name)
    {
        if (_stored.TryGetValue(name, out var tensor)) _file.Forget(tensor);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private Tensor Ordered(Tensor value, GgufTensor tensor)
    {
        using var scope = NewDisposeScope();
        using (value) return value.index_select(0, torch.tensor(Order(tensor)!)).DetachFromDisposeScope();
    }

    private long[]? Order(GgufTensor tensor)
    {
        var module = tensor.Name[..Math.Max(0, tensor.Name.LastIndexOf('.'))];
        if (tensor.Shape.Length == 0) return null;
        var heads = (GgufConfig.Heads(_file, keys: false), GgufConfig.Heads(_file, keys: true));
        return _architecture.Order(module, tensor.Shape[0], heads, toFile: false) switch
        {
            [] => throw new PeftException($"{Path}: tensor {Quoted.Name(tensor.Name)} has {tensor.Shape[0]} rows, which {heads.Item1} "
                + $"heads and {heads.Item2} of keys do not divide as they should; convert the model again."),
            var order => order,
        };
    }
}
