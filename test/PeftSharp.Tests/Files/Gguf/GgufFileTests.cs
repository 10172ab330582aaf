using System.Text;
using PeftSharp.Files;
using PeftSharp.Files.Gguf;

namespace PeftSharp.Tests.Files.Gguf;

/// <summary>Headers that lie: each is one sentence, before anything of the size that it claims is allocated.</summary>
public sealed class GgufFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_Good_File_Is_Read()
    {
        using var file = GgufFile.Open(Write(Good()));
        Assert.Equal("llama", file.Architecture);
        Assert.Equal([2, 32], file.Tensors["b"].Shape);
        using var value = file.Read(file.Tensors["a"]);
        Assert.Equal([1f, 2f, 3f, 4f], value.data<float>().ToArray());
    }

    [Fact]
    public void Every_Cut_Of_A_Good_File_Is_Refused()
    {
        var good = Good();
        for (var length = 1; length < good.Length - 31; length++)
        {
            var path = Write(good[..length]);
            var error = Assert.Throws<PeftException>(() => GgufFile.Open(path).Dispose());
            Assert.StartsWith(path, error.Message);
            Assert.EndsWith(".", error.Message);
        }
    }

    [Theory]
    [InlineData("magic", "does not begin with \"GGUF\"")]
    [InlineData("version", "has the version 1 of the layout")]
    [InlineData("big-endian", "is written for big-endian machines")]
    [InlineData("tensor count", "announces 1,152,921,504,606,846,976 tensors, above the limit of 200,000")]
    [InlineData("tensor room", "announces 199,999 tensors at byte 16, for which the")]
    [InlineData("key count", "announces 99,999 keys of metadata at byte 24, for which the")]
    [InlineData("text length", "announces 16,777,215 bytes of a key of metadata at byte")]
    [InlineData("nested array", "has the metadata k with arrays inside an array")]
    [InlineData("array length", "announces 67,108,000 items of k at byte")]
    [InlineData("array type", "has the metadata k of the type 77")]
    [InlineData("value type", "has the metadata k of the type 13")]
    [InlineData("truth", "has the truth value 2 in the metadata k")]
    [InlineData("utf-8", "has k that is not UTF-8")]
    [InlineData("twice", "has the metadata k twice")]
    [InlineData("alignment", "has the alignment 33; expected a power of two")]
    [InlineData("alignment 0", "has the alignment 0; expected a power of two")]
    [InlineData("split", "is one of 3 parts of a model")]
    [InlineData("dimensions", "gives tensor \"a\" 5 dimensions; expected 1 to 4")]
    [InlineData("zero", "gives tensor \"a\" the dimension 0")]
    [InlineData("huge", "gives tensor \"a\" the dimension 9,223,372,036,854,775,808")]
    [InlineData("type", "tensor \"a\" is kept as IQ2_XXS, which can't be read; supported are F32, F16")]
    [InlineData("type number", "tensor \"a\" is kept as number 1000, which can't be read")]
    [InlineData("rows", "keeps tensor \"a\" in blocks of 32 weights, which do not divide its rows of 4")]
    [InlineData("misplaced", "places tensor \"b\" at byte 40 of the data, which is no multiple of 32")]
    [InlineData("overlap", "places tensor \"b\" at byte 0 of the data, over the tensor before it")]
    [InlineData("beyond", "at byte 1,048,576 of the data, of which there are")]
    [InlineData("name twice", "names tensor \"a\" twice")]
    [InlineData("no name", "names a tensor with 0 characters")]
    public void A_Lie_Is_Refused_With_A_Sentence(string lie, string message)
    {
        var path = Write(Bad(lie));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<PeftException>(() => GgufFile.Open(path).Dispose()).Message;
        Assert.Contains(message, error);
        Assert.StartsWith(path, error);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4 << 20, "a file of a few hundred bytes made megabytes");
    }

    [Fact]
    public void A_Folder_With_Several_Files_Asks_Which()
    {
        Write(Good());
        File.WriteAllBytes(Path.Combine(_folder.Root, "y.gguf"), Good());
        Assert.Contains("holds 2 GGUF files (x.gguf, y.gguf); name the one that is meant",
            Assert.Throws<PeftException>(() => Checkpoint.Open(_folder.Root)).Message);
    }

    [Fact]
    public void An_Unknown_Architecture_Is_Named()
    {
        var path = Write(new Builder().Key("general.architecture", 8, Builder.Text("mamba")).Bytes());
        Assert.Contains("the architecture \"mamba\" can't be read from GGUF; supported are llama, qwen2",
            Assert.Throws<PeftException>(() => Checkpoint.Open(path)).Message);
    }

    private string Write(byte[] bytes)
    {
        var path = Path.Combine(_folder.Root, "x.gguf");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static byte[] Good() => new Builder().Key("general.architecture", 8, Builder.Text("llama"))
        .Key("k", 9, [8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, .. Builder.Text("x")])
        .Tensor("a", [4], 0, 0).Tensor("b", [32, 2], 2, 32).Bytes();

    private static byte[] Bad(string lie)
    {
        var good = new Builder().Tensor("a", [4], 0, 0);
        byte[] array(uint type, ulong count) => [.. Builder.U32(type), .. Builder.U64(count), 0, 0, 0, 0, 0, 0, 0, 0];
        return lie switch
        {
            "magic" => [.. "GGML"u8, .. good.Bytes()[4..]],
            "version" => good.With(4, [1, 0, 0, 0]),
            "big-endian" => good.With(4, [0, 0, 0, 3]),
            "tensor count" => good.With(8, Builder.U64(1UL << 60)),
            "tensor room" => good.With(8, Builder.U64(199_999)),
            "key count" => good.With(16, Builder.U64(99_999)),
            "text length" => good.Key("k", 4, Builder.U32(1)).With(24, Builder.U64((16 << 20) - 1)),
            "nested array" => good.Key("k", 9, array(9, 1)).Bytes(),
            "array length" => good.Key("k", 9, array(4, 67_108_000)).Bytes(),
            "array type" => good.Key("k", 9, array(77, 1)).Bytes(),
            "value type" => good.Key("k", 13, []).Bytes(),
            "truth" => good.Key("k", 7, [2]).Bytes(),
            "utf-8" => good.Key("k", 8, [1, 0, 0, 0, 0, 0, 0, 0, 0xFF]).Bytes(),
            "twice" => good.Key("k", 7, [1]).Key("k", 7, [1]).Bytes(),
            "alignment" => good.Key("general.alignment", 4, Builder.U32(33)).Bytes(),
            "alignment 0" => good.Key("general.alignment", 4, Builder.U32(0)).Bytes(),
            "split" => good.Key("split.count", 2, [3, 0]).Bytes(),
            "dimensions" => new Builder().Tensor("a", [1, 1, 1, 1, 1], 0, 0).Bytes(),
            "zero" => new Builder().Tensor("a", [0], 0, 0).Bytes(),
            "huge" => new Builder().Tensor("a", [1UL << 63], 0, 0).Bytes(),
            "type" => new Builder().Tensor("a", [4], 16, 0).Bytes(),
            "type number" => new Builder().Tensor("a", [4], 1000, 0).Bytes(),
            "rows" => new Builder().Tensor("a", [4], 2, 0).Bytes(),
            "misplaced" => good.Tensor("b", [4], 0, 40).Bytes(),
            "overlap" => good.Tensor("b", [4], 0, 0).Bytes(),
            "beyond" => good.Tensor("b", [4], 0, 1 << 20).Bytes(),
            "name twice" => good.Tensor("a", [4], 0, 32).Bytes(),
            "no name" => new Builder().Tensor("", [4], 0, 0).Bytes(),
            _ => throw new ArgumentOutOfRangeException(nameof(lie)),
        };
    }

    private sealed class Builder
    {
        private readonly List<byte> _keys = [], _tensors = [];
        private ulong _keyCount, _tensorCount;

        public static byte[] U32(uint value) => BitConverter.GetBytes(value);

        public static byte[] U64(ulong value) => BitConverter.GetBytes(value);

        public static byte[] Text(string text) => [.. U64((ulong)Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)];

        public Builder Key(string name, uint type, byte[] value)
        {
            _keys.AddRange([.. Text(name), .. U32(type), .. value]);
            _keyCount++;
            return this;
        }

        public Builder Tensor(string name, ulong[] dimensions, uint type, ulong offset)
        {
            _tensors.AddRange([.. Text(name), .. U32((uint)dimensions.Length), .. dimensions.SelectMany(U64), .. U32(type),
                .. U64(offset)]);
            _tensorCount++;
            return this;
        }

        // Data: 1, 2, 3, 4 and room for two blocks.
        public byte[] Bytes()
        {
            List<byte> file = [.. "GGUF"u8, .. U32(3), .. U64(_tensorCount), .. U64(_keyCount), .. _keys, .. _tensors];
            while (file.Count % 32 != 0) file.Add(0);
            return [.. file, .. new float[] { 1, 2, 3, 4 }.SelectMany(BitConverter.GetBytes), .. new byte[16], .. new byte[36]];
        }

        public byte[] With(int at, byte[] bytes)
        {
            var file = Bytes();
            bytes.CopyTo(file, at);
            return file;
        }
    }
}
