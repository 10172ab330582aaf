using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace PeftSharp.Files;

/// <summary>The header of a safetensors file, believed only after every claim in it has been checked against the file.</summary>
internal sealed class SafetensorsHeader
{
    public const int LongestHeader = 100_000_000;
    public const int MostDimensions = 16;
    private const string Advice = "download or convert the file again";

    private readonly string _path;
    private readonly Dictionary<string, TensorInfo> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    private bool _hasMetadata;

    private SafetensorsHeader(string path) => _path = path;

    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Reads and checks the header of the stream, which stands at its start.</summary>
    public static SafetensorsHeader Read(Stream file, string path)
    {
        var length = file.Length;
        if (length < 10)
            throw new PeftException($"{path} has {length} bytes where a safetensors file has at least 10; {Advice}.");
        Span<byte> prefix = stackalloc byte[8];
        file.ReadExactly(prefix);
        var size = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (size > LongestHeader)
            throw new PeftException(
                $"{path} announces a header of {size} bytes, above the limit of {LongestHeader}; it is no safetensors file, or a damaged "
                + $"one: {Advice}.");
        if (size > (ulong)length - 8)
            throw new PeftException(
                $"{path} announces a header of {size} bytes but has only {length - 8} bytes after its prefix; it is truncated or no "
                + $"safetensors file: {Advice}.");
        var json = new byte[size];
        file.ReadExactly(json);

        var header = new SafetensorsHeader(path);
        header.Parse(json);
        header.CheckLayout(8 + (long)size, length);
        return header;
    }

    private void Parse(byte[] json)
    {
        if (json.Length == 0 || json[0] != (byte)'{' || !Utf8.IsValid(json))
            throw Bad("is not a JSON object in UTF-8");
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                reader.Read();
                if (name == "__metadata__") ReadMetadata(ref reader);
                else ReadTensor(ref reader, name);
            }
            reader.Read(); // anything after the object throws here
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new PeftException(
                $"The header of {_path} is not the JSON that safetensors prescribes ({FirstSentence(e)}); {Advice}.", e);
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (_hasMetadata) throw Bad("has \"__metadata__\" twice");
        _hasMetadata = true;
        if (reader.TokenType != JsonTokenType.StartObject) throw Bad("has a \"__metadata__\" that is no object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw Bad($"has metadata {Quoted.Name(key)} that is no string");
            if (!_metadata.TryAdd(key, reader.GetString()!)) throw Bad($"has metadata {Quoted.Name(key)} twice");
        }
    }

    private void ReadTensor(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad($"describes tensor {Quoted.Name(name)} by something that is no object");
        string? dtype = null;
        long[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            var repeated = false;
            switch (key)
            {
                case "dtype": repeated = dtype is not null; dtype = reader.GetString(); break;
                case "shape": repeated = shape is not null; shape = ReadCounts(ref reader, name, key, MostDimensions); break;
                case "data_offsets": repeated = offsets is not null; offsets = ReadCounts(ref reader, name, key, 2); break;
                default: reader.Skip(); break;
            }
            if (repeated) throw Bad($"gives {Quoted.Name(key)} of tensor {Quoted.Name(name)} twice");
        }
        if (dtype is null || shape is null || offsets is not { Length: 2 })
            throw Bad($"describes tensor {Quoted.Name(name)} without a \"dtype\", a \"shape\" and two \"data_offsets\"");
        var type = SafetensorsType.Parse(dtype)
            ?? throw Bad(
                $"gives tensor {Quoted.Name(name)} the element type {Quoted.Name(dtype)} where one of {SafetensorsType.Known} was expected",
                "convert the file to one of them");
        // offsets are relative until CheckLayout
        if (!_tensors.TryAdd(name, new TensorInfo(name, type.ScalarType, shape, offsets[0], offsets[1] - offsets[0])))
            throw Bad($"names tensor {Quoted.Name(name)} twice");
        if (ByteLength(shape, type.Size) != offsets[1] - offsets[0])
            throw Bad(
                $"gives tensor {Quoted.Name(name)} {offsets[1] - offsets[0]} bytes, which its shape [{string.Join(", ", shape)}] of "
                + $"{dtype} does not take");
    }

    private long[] ReadCounts(ref Utf8JsonReader reader, string name, string key, int most)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Bad($"gives tensor {Quoted.Name(name)} a {Quoted.Name(key)} that is no array");
        var counts = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var count) || count < 0)
                throw Bad(
                    $"gives tensor {Quoted.Name(name)} a {Quoted.Name(key)} with an entry that is no whole number from 0 to 2^63 - 1");
            if (counts.Count == most) throw Bad($"gives tensor {Quoted.Name(name)} a {Quoted.Name(key)} of more than {most} entries");
            counts.Add(count);
        }
        return [.. counts];
    }

    private static long? ByteLength(long[] shape, int size)
    {
        try
        {
            return shape.Aggregate((long)size, (bytes, dimension) => checked(bytes * dimension));
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    // Tensors must tile the data section: no overlap, no gap, nothing behind the last.
    private void CheckLayout(long start, long fileLength)
    {
        var end = 0L;
        foreach (var tensor in _tensors.Values.OrderBy(t => t.Offset).ThenBy(t => t.ByteLength).ToList())
        {
            if (tensor.Offset != end)
                throw Bad(
                    $"places tensor {Quoted.Name(tensor.Name)} at byte {tensor.Offset} of the data, which "
                    + $"{(tensor.Offset < end ? "overlaps the tensor before it" : "leaves a gap")}: byte {end} was expected");
            end += tensor.ByteLength; // each length is below 2^63 and the sum is checked against the file at once
            if (end < 0 || end > fileLength - start)
                throw Bad(
                    $"places tensor {Quoted.Name(tensor.Name)} beyond the end of the file ({fileLength - start} bytes of data); the file "
                    + "is truncated");
            _tensors[tensor.Name] = tensor with { Offset = start + tensor.Offset };
        }
        if (end != fileLength - start)
            throw Bad($"accounts for {end} bytes of data but {fileLength - start} follow it");
    }

    private PeftException Bad(string what, string advice = Advice) => new($"The header of {_path} {what}; {advice}.");

    private static string FirstSentence(Exception e) => e.Message.Split(". ")[0].TrimEnd('.');
}
