using System.Buffers.Binary;
using System.Text;
using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Files.Gguf;

/// <summary>Writes a GGUF file: version 3, tensors aligned to 32 bytes, in the order in which they were added.</summary>
internal sealed class GgufWriter
{
    private const int Alignment = 32;

    private readonly MemoryStream _metadata = new();
    private readonly List<(string Name, GgufType Type, long[] Shape, Func<Tensor> Value)> _tensors = [];
    private readonly HashSet<string> _keys = [];

    /// <summary>Adds metadata: a text, a truth value, a whole number (32 bits), a number (float32), texts, whole numbers, numbers or
    /// bytes.</summary>
    public void Add(string key, object value)
    {
        if (!_keys.Add(key)) throw new ArgumentException($"The metadata {key} was added twice.", nameof(key));
        Text(key);
        switch (value)
        {
            case string text:
                Number(8);
                Text(text);
                break;
            case bool flag:
                Number(7);
                _metadata.WriteByte(flag ? (byte)1 : (byte)0);
                break;
            case int number:
                Number(4);
                Number((uint)number);
                break;
            case float number:
                Number(6);
                Number(BitConverter.SingleToUInt32Bits(number));
                break;
            case IReadOnlyList<string> texts:
                Array(8, texts, Text);
                break;
            case IReadOnlyList<int> numbers:
                Array(5, numbers, item => Number((uint)item));
                break;
            case IReadOnlyList<float> numbers:
                Array(6, numbers, item => Number(BitConverter.SingleToUInt32Bits(item)));
                break;
            case IReadOnlyList<byte> bytes:
                Array(0, bytes, _metadata.WriteByte);
                break;
            default:
                throw new ArgumentException($"Metadata of the type {value.GetType().Name} has no place in the layout.", nameof(value));
        }
    }

    /// <summary>Adds a tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">How it is kept: F32, F16 or Q8_0.</param>
    /// <param name="shape">Its shape; of Q8_0 the last dimension is a multiple of 32.</param>
    /// <param name="value">Gives its value when it is written; of any floating-point type.</param>
    public void Add(string name, GgufType type, long[] shape, Func<Tensor> value) => _tensors.Add((name, type, shape, value));

    /// <summary>Writes the file; it appears whole or not at all.</summary>
    /// <exception cref="PeftException">It cannot be written.</exception>
    public void Write(string path)
    {
        LibTorch.EnsureLoaded();
        AtomicFile.Write(path, stream =>
        {
            var header = Header();
            stream.Write(header);
            Pad(stream, header.Length);
            foreach (var (name, type, shape, value) in _tensors)
            {
                using var scope = NewDisposeScope();
                using var guard = no_grad();
                var tensor = value();
                if (!tensor.shape.SequenceEqual(shape)) throw new InvalidOperationException($"The tensor {name} has another shape than "
                    + "was announced.");
                Pad(stream, Write(stream, type, tensor));
            }
        });
    }

    private static long Write(Stream stream, GgufType type, Tensor tensor)
    {
        if (type == GgufType.Q8)
        {
            var bytes = Q8Encoder.Encode(tensor.to(ScalarType.Float32).cpu().contiguous());
            stream.Write(bytes);
            return bytes.Length;
        }
        var plain = tensor.to(type == GgufType.F16 ? ScalarType.Float16 : ScalarType.Float32).cpu().contiguous();
        var written = 0L;
        TensorBytes.ForEachChunk(plain, (chunk, _) =>
        {
            stream.Write(chunk);
            written += chunk.Length;
        });
        return written;
    }

    private byte[] Header()
    {
        using var header = new MemoryStream();
        void U32(uint number)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, number);
            header.Write(bytes);
        }
        void U64(ulong number)
        {
            U32((uint)number);
            U32((uint)(number >> 32));
        }
        U32(0x4655_4747);
        U32(3);
        U64((ulong)_tensors.Count);
        U64((ulong)_keys.Count);
        _metadata.WriteTo(header);
        var offset = 0L;
        foreach (var (name, type, shape, _) in _tensors)
        {
            var bytes = Encoding.UTF8.GetBytes(name);
            U64((ulong)bytes.Length);
            header.Write(bytes);
            U32((uint)shape.Length);
            foreach (var size in shape.Reverse()) U64((ulong)size);
            U32((uint)type.Id);
            U64((ulong)offset);
            offset += Padded(type.BytesOf(shape.Aggregate(1L, (count, size) => count * size)));
        }
        return header.ToArray();
    }

    private void Array<T>(uint type, IReadOnlyList<T> items, Action<T> write)
    {
        Number(9);
        Number(type);
        Number((ulong)items.Count);
        foreach (var item in items) write(item);
    }

    private void Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Number((ulong)bytes.Length);
        _metadata.Write(bytes);
    }

    private void Number(uint number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, number);
        _metadata.Write(bytes);
    }

    private void Number(ulong number)
    {
        Number((uint)number);
        Number((uint)(number >> 32));
    }

    private static long Padded(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private static void Pad(Stream stream, long length) => stream.Write(new byte[Padded(length) - length]);
}
