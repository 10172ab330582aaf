using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Files.Gguf;

/// <summary>A GGUF file (llama.cpp's layout), opened for reading: the header is checked at once against the file, tensors are mapped when
/// asked for.</summary>
internal sealed class GgufFile : IDisposable
{
    private const int MostTensors = 200_000, MostKeys = 100_000, MostDimensions = 4, LongestName = 1000, LargestAlignment = 1 << 16;

    private readonly MappedFile _map;

    private GgufFile(string path, GgufMetadata metadata, IReadOnlyDictionary<string, GgufTensor> tensors, long length) =>
        (Path, Metadata, Tensors, _map) = (path, metadata, tensors, new(path, length));

    /// <summary>The path that the file was opened by.</summary>
    public string Path { get; }

    /// <summary>What the header says besides.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors by their names in the file.</summary>
    public IReadOnlyDictionary<string, GgufTensor> Tensors { get; }

    /// <summary>The architecture, for example <c>llama</c>.</summary>
    public string Architecture => Metadata.Text("general.architecture") ?? throw Metadata.Missing("general.architecture");

    /// <summary>Opens a file.</summary>
    /// <exception cref="PeftException">It is missing, unreadable, truncated or malformed, or has a block type that can't be
    /// read.</exception>
    public static GgufFile Open(string path)
    {
        try
        {
            using var stream = new BufferedStream(RegularFile.Open(path), 1 << 16);
            return Read(new GgufReader(stream, path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new PeftException($"{path} could not be read as a GGUF file ({e.Message.TrimEnd('.')}); check the path and its "
                + "permissions.", e);
        }
    }

    /// <summary>The blocks of a tensor as they are: bytes, [rows, bytes of a row].</summary>
    public Tensor Blocks(GgufTensor tensor)
    {
        LibTorch.EnsureLoaded();
        var rows = tensor.Count / tensor.Shape[^1];
        return _map.View(ScalarType.Byte, 1, tensor.Offset, [rows, tensor.Type.BytesOf(tensor.Shape[^1])]);
    }

    /// <summary>A tensor: a view of the file where it is kept in plain numbers, else unpacked to float32.</summary>
    public Tensor Read(GgufTensor tensor)
    {
        LibTorch.EnsureLoaded();
        if (tensor.Type.IsPlain) return _map.View(PlainType(tensor), tensor.Type.BlockBytes, tensor.Offset, tensor.Shape);
        using var blocks = Blocks(tensor);
        var dense = empty(tensor.Shape, ScalarType.Float32).DetachFromDisposeScope();
        GgufBlocks.Decode(tensor.Type, blocks, dense);
        return dense;
    }

    /// <summary>A tensor was copied and will not be read again: its pages are given back. For what nobody has written to.</summary>
    public void Forget(GgufTensor tensor)
    {
        // Blocks are unpacked from a map of bytes, plain numbers are views of one of their own type.
        var type = tensor.Type.IsPlain ? PlainType(tensor) : ScalarType.Byte;
        _map.Forget(type, tensor.Offset, tensor.Bytes);
    }

    /// <inheritdoc/>
    public void Dispose() => _map.Dispose();

    private static ScalarType PlainType(GgufTensor tensor) => tensor.Type.Name switch
    {
        "F32" => ScalarType.Float32,
        "F16" => ScalarType.Float16,
        _ => ScalarType.BFloat16,
    };

    private static GgufFile Read(GgufReader reader, string path)
    {
        if (reader.Length < 24) throw reader.Bad($"has {reader.Length} bytes where a GGUF file has at least 24");
        if (reader.UInt32("its first bytes") != 0x4655_4747) throw reader.Bad("does not begin with \"GGUF\"");
        var version = reader.UInt32("its version");
        if (version is 0x0200_0000 or 0x0300_0000) throw reader.Bad("is written for big-endian machines, which can't be read");
        if (version is not (2 or 3)) throw reader.Bad($"has the version {version} of the layout, and only 2 and 3 can be read");
        // A tensor takes 8 bytes for its name's length and 16 for the rest at least, a key 13.
        var tensorCount = reader.Count("tensors", 24, MostTensors);
        var keyCount = reader.Count("keys of metadata", 13, MostKeys);
        var metadata = new GgufMetadata(path);
        for (var i = 0; i < keyCount; i++)
        {
            var key = Printable.Cut(reader.Text("a key of metadata"), 200);
            if (!metadata.Add(key, reader.Value(key))) throw reader.Bad($"has the metadata {key} twice");
        }
        if (metadata.Int("split.count") is > 1 and var parts)
            throw new PeftException($"{path} is one of {parts} parts of a model; join them with llama.cpp's gguf-split --merge first.");
        var alignment = metadata.Int("general.alignment") ?? 32;
        if (alignment is < 8 or > LargestAlignment || (alignment & (alignment - 1)) != 0)
            throw reader.Bad($"has the alignment {alignment}; expected a power of two from 8 to {LargestAlignment}");
        var listed = new List<GgufTensor>();
        for (var i = 0; i < tensorCount; i++) listed.Add(Tensor(reader, alignment));
        var start = (reader.Position + alignment - 1) / alignment * alignment;
        return new(path, metadata, Placed(listed, start, reader), reader.Length);
    }

    private static GgufTensor Tensor(GgufReader reader, int alignment)
    {
        var name = reader.Text("the name of a tensor");
        if (name.Length is 0 or > LongestName) throw reader.Bad($"names a tensor with {name.Length:N0} characters; expected 1 to "
            + $"{LongestName:N0}");
        var dimensions = reader.UInt32($"the shape of {Quoted.Name(name)}");
        if (dimensions is 0 or > MostDimensions) throw reader.Bad($"gives tensor {Quoted.Name(name)} {dimensions} dimensions; expected 1 "
            + $"to {MostDimensions}");
        var shape = new long[dimensions];
        var count = (UInt128)1;
        for (var i = (int)dimensions - 1; i >= 0; i--)
        {
            var size = reader.UInt64($"the shape of {Quoted.Name(name)}");
            count *= size;
            if (size == 0 || count > long.MaxValue / 8) throw reader.Bad($"gives tensor {Quoted.Name(name)} the dimension {size:N0}, with "
                + "which it has no weights or more than any file");
            shape[i] = (long)size;
        }
        var id = reader.UInt32($"the type of {Quoted.Name(name)}");
        var type = GgufType.Of(id)
            ?? throw new PeftException($"{reader.Path}: tensor {Quoted.Name(name)} is kept as {GgufType.Describe(id)}, which can't be "
                + $"read; supported are {GgufType.Known}: take the model in one of these.");
        if (shape[^1] % type.BlockSize != 0)
            throw reader.Bad($"keeps tensor {Quoted.Name(name)} in blocks of {type.BlockSize} weights, which do not divide its rows of "
                + $"{shape[^1]:N0}");
        var offset = reader.UInt64($"the place of {Quoted.Name(name)}");
        if (offset > long.MaxValue / 2 || offset % (ulong)alignment != 0)
            throw reader.Bad($"places tensor {Quoted.Name(name)} at byte {offset:N0} of the data, which is no multiple of {alignment}");
        return new(name, type, shape, (long)offset);
    }

    // Each within the file, none over another.
    private static Dictionary<string, GgufTensor> Placed(List<GgufTensor> listed, long start, GgufReader reader)
    {
        var placed = new Dictionary<string, GgufTensor>(StringComparer.Ordinal);
        var end = 0L;
        foreach (var tensor in listed.OrderBy(t => t.Offset))
        {
            if (tensor.Offset < end) throw reader.Bad($"places tensor {Quoted.Name(tensor.Name)} at byte {tensor.Offset:N0} of the data, "
                + $"over the tensor before it, which ends at {end:N0}");
            if (tensor.Bytes > reader.Length - start - tensor.Offset)
                throw reader.Bad($"places tensor {Quoted.Name(tensor.Name)} ({tensor.Bytes:N0} bytes) at byte {tensor.Offset:N0} of the "
                    + $"data, of which there are {Math.Max(0, reader.Length - start):N0}; it is truncated");
            end = tensor.Offset + tensor.Bytes;
            if (!placed.TryAdd(tensor.Name,
                tensor with { Offset = start + tensor.Offset })) throw reader.Bad($"names tensor {Quoted.Name(tensor.Name)} twice");
        }
        return placed;
    }
}
