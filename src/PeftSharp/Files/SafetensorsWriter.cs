using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>Writes safetensors files, byte for byte as the reference writer lays them out.</summary>
internal static class SafetensorsWriter
{
    /// <summary>
    /// Writes tensors to a file, atomically (see <see cref="AtomicFile"/>). They are ordered by type (widest first), then by
    /// name, so equal tensors give equal files. Strided and device tensors are copied, one at a time; none is changed or kept.
    /// </summary>
    /// <exception cref="PeftException">A name occurs twice or is reserved, a type has no place in the format, or the file
    /// cannot be written; the old file, if any, is untouched.</exception>
    public static void Write(
        string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var (entries, header) = Layout(path, tensors, metadata);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            foreach (var entry in entries) WriteData(stream, entry.Tensor);
        });
    }

    /// <summary>The length in bytes, header included, of the file that <see cref="Write"/> would make.</summary>
    /// <exception cref="PeftException">As there.</exception>
    public static long Size(
        string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var (entries, header) = Layout(path, tensors, metadata);
        return header.Length + entries.Sum(e => e.ByteLength);
    }

    private static (List<Entry> Entries, byte[] Header) Layout(
        string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        LibTorch.EnsureLoaded();
        var entries = tensors.Select(pair => Entry.Of(path, pair.Key, pair.Value)).ToList();
        if (entries.GroupBy(e => e.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new PeftException($"{path} was given tensor {Quoted.Name(twice.Key)} twice; give each tensor its own name.");
        entries.Sort();
        return (entries, Header(entries, metadata ?? new Dictionary<string, string>()));
    }

    private static byte[] Header(List<Entry> entries, IReadOnlyDictionary<string, string> metadata)
    {
        using var buffer = new MemoryStream();
        buffer.Write(stackalloc byte[8]); // the length, known later
        // The reference writer escapes only what JSON demands.
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }
            var offset = 0L;
            foreach (var entry in entries)
            {
                json.WriteStartObject(entry.Name);
                json.WriteString("dtype", entry.Type.Name);
                WriteCounts(json, "shape", entry.Shape);
                WriteCounts(json, "data_offsets", [offset, offset += entry.ByteLength]);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        var bytes = buffer.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(bytes, bytes.Length - 8);
        return bytes;
    }

    private static void WriteCounts(Utf8JsonWriter json, string key, ReadOnlySpan<long> counts)
    {
        json.WriteStartArray(key);
        foreach (var count in counts) json.WriteNumberValue(count);
        json.WriteEndArray();
    }

    private static void WriteData(Stream stream, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var plain = tensor.detach().cpu().contiguous();
        TensorBytes.ForEachChunk(plain, (chunk, _) => stream.Write(chunk));
    }

    private sealed record Entry(string Name, Tensor Tensor, SafetensorsType Type, long[] Shape) : IComparable<Entry>
    {
        private readonly byte[] _utf8 = Encoding.UTF8.GetBytes(Name);

        public long ByteLength => Shape.Aggregate((long)Type.Size, (bytes, dimension) => bytes * dimension);

        public static Entry Of(string path, string name, Tensor tensor)
        {
            if (name == "__metadata__")
                throw new PeftException($"{path} was given a tensor named \"__metadata__\", which the format reserves; rename it.");
            var type = SafetensorsType.Find(tensor.dtype)
                ?? throw new PeftException(
                    $"{path} was given tensor {Quoted.Name(name)} of type {tensor.dtype}, which the format lacks; convert it to one of "
                    + $"{SafetensorsType.Known}.");
            return new Entry(name, tensor, type, tensor.shape);
        }

        public int CompareTo(Entry? other) =>
            other is null ? 1
            : Type.Rank != other.Type.Rank ? other.Type.Rank.CompareTo(Type.Rank)
            : _utf8.AsSpan().SequenceCompareTo(other._utf8);
    }
}
