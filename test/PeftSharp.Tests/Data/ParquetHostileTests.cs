using System.Buffers.Binary;
using PeftSharp.Data;
using PeftSharp.Data.Files.Columnar;

namespace PeftSharp.Tests.Data;

/// <summary>Parquet files that were made to harm: refused in a sentence, with no loop, no overflow and no gigabytes.</summary>
public sealed class ParquetHostileTests : IDisposable
{
    private static readonly string[] Fixtures = ["labelled.parquet", "tokens.parquet", "plain.parquet", "nulls.parquet"];
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Footers_Of_A_Few_Bytes_And_Of_Lists_In_Lists_Are_Refused()
    {
        Assert.Contains("ends in the middle of a value", _folder.Refused("short.parquet", File([], [0x15])));
        byte[] lists = [0x79, .. Enumerable.Repeat((byte)0x19, 60_000)];
        Assert.Contains("deep", _folder.Refused("lists.parquet", File([], lists)));
        byte[] structs = [.. Enumerable.Repeat((byte)0x1C, 60_000)];
        Assert.Contains("deep", _folder.Refused("structs.parquet", File([], structs)));
        // A list of 2^31 booleans, and a text of as many bytes.
        Assert.Contains("bytes are left", _folder.Refused("list.parquet", File([], [0x19, 0xF1, 0xFF, 0xFF, 0xFF, 0xFF, 0x07])));
        Assert.Contains("bytes are left", _folder.Refused("text.parquet", File([], [0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x07])));
    }

    [Fact]
    public void Shared_Cases_Give_A_Sentence_Or_Are_Read()
    {
        var folder = TestPaths.RequireShared("hostile", "parquet");
        Assert.Throws<PeftException>(() => TextDataset.Load(System.IO.Path.Combine(folder, "13-bytes.parquet")));
        using var unpacked = new MemoryStream();
        using (
            var gzip = new System.IO.Compression.GZipStream(
                System.IO.File.OpenRead(System.IO.Path.Combine(folder, "nested-lists.parquet.gz")),
                System.IO.Compression.CompressionMode.Decompress))
            gzip.CopyTo(unpacked);
        _folder.Refused("nested.parquet", unpacked.ToArray());
        var names = TextDataset.Load(System.IO.Path.Combine(folder, "class-names.parquet"));
        Assert.All(names.Examples, e => Assert.NotEmpty(e.InputIds!));
    }

    [Fact]
    public void A_Key_Without_A_Value_Is_Passed_Over()
    {
        var path = Rewritten("labelled.parquet", footer =>
        {
            foreach (var pair in footer.List(5).Cast<ThriftValue.Struct>()) pair.Fields.Remove(2);
        });
        Assert.Equal(["0", "1"], TextDataset.Load(path).LabelNames!);
    }

    [Theory]
    [InlineData("rows", "row groups have")]
    [InlineData("children", "children, where")]
    [InlineData("columns", "columns, and the schema")]
    [InlineData("offset", "lies in the bytes")]
    [InlineData("length", "lies in the bytes")]
    [InlineData("values", "values in")]
    [InlineData("type", "of one type in the schema and of another")]
    [InlineData("file", "lies in another file")]
    public void A_Footer_That_Contradicts_Itself_Or_The_File_Is_Refused(string what, string expected)
    {
        var path = Rewritten("labelled.parquet", footer =>
        {
            var group = (ThriftValue.Struct)footer.List(4)[0];
            var column = (ThriftValue.Struct)group.List(1)[0];
            var data = column.Inner(3)!;
            switch (what)
            {
                case "rows": footer.Fields[3] = ThriftValue.Wide(1L << 30); break;
                case "children": ((ThriftValue.Struct)footer.List(2)[0]).Fields[5] = ThriftValue.Int(int.MaxValue); break;
                case "columns": group.Fields[1] = new ThriftValue.Sequence(12, [column]); break;
                case "offset": data.Fields[9] = data.Fields[11] = ThriftValue.Wide(1L << 40); break;
                case "length": data.Fields[7] = ThriftValue.Wide(1L << 40); break;
                case "values": data.Fields[5] = ThriftValue.Wide(1); break;
                case "type": data.Fields[1] = ThriftValue.Int(3); break;
                case "file": column.Fields[1] = new ThriftValue.Bytes([.. "/etc/passwd"u8]); break;
            }
        });
        Assert.Contains(expected, Assert.Throws<PeftException>(() => TextDataset.Load(path)).Message);
    }

    [Fact]
    public void Row_Groups_That_Share_One_Chunk_Without_End_Are_Refused()
    {
        var path = Rewritten("labelled.parquet", footer =>
        {
            var group = (ThriftValue.Struct)footer.List(4)[0];
            foreach (var column in group.List(1).Cast<ThriftValue.Struct>()) column.Inner(3)!.Fields[5] = ThriftValue.Wide(1 << 24);
            group.Fields[3] = ThriftValue.Wide(1 << 24);
            footer.Fields[4] = new ThriftValue.Sequence(12, [.. Enumerable.Repeat(group, 10_000)]);
            footer.Fields[3] = ThriftValue.Wide(10_000L << 24);
        });
        Assert.Contains("out of all proportion", Assert.Throws<PeftException>(() => TextDataset.Load(path)).Message);
    }

    [Fact]
    public void A_Run_Of_Few_Bytes_That_Stands_For_Billions_Of_Letters_Is_Refused()
    {
        // One text of a megabyte in a dictionary, and a run that repeats it two million times.
        const int Rows = 2_000_000;
        byte[] text = [.. Enumerable.Repeat((byte)'a', 1 << 20)];
        byte[] dictionary = [.. BitConverter.GetBytes(text.Length), .. text];
        byte[] run = [1, .. VarInt((uint)Rows << 1), 0];
        var pages = new MemoryStream();
        Page(pages, 2, dictionary, 7, ThriftValue.Struct.Of((1, ThriftValue.Int(1)), (2, ThriftValue.Int(0))));
        var dictionaryEnd = pages.Length;
        Page(
            pages, 0, run, 5,
            ThriftValue.Struct.Of((1, ThriftValue.Int(Rows)), (2, ThriftValue.Int(8)), (3, ThriftValue.Int(3)), (4, ThriftValue.Int(3))));
        var data = ThriftValue.Struct.Of(
            (1, ThriftValue.Int(6)), (2, new ThriftValue.Sequence(5, [ThriftValue.Int(8)])),
            (3, new ThriftValue.Sequence(8, [Name("text")])), (4, ThriftValue.Int(0)),
            (5, ThriftValue.Wide(Rows)), (6, ThriftValue.Wide(pages.Length)), (7, ThriftValue.Wide(pages.Length)),
            (9, ThriftValue.Wide(4 + dictionaryEnd)), (11, ThriftValue.Wide(4)));
        var column = ThriftValue.Struct.Of((2, ThriftValue.Wide(4)), (3, data));
        var group = ThriftValue.Struct.Of(
            (1, new ThriftValue.Sequence(12, [column])), (2, ThriftValue.Wide(pages.Length)), (3, ThriftValue.Wide(Rows)));
        var schema = new ThriftValue.Sequence(12,
        [
            ThriftValue.Struct.Of((4, Name("schema")), (5, ThriftValue.Int(1))),
            ThriftValue.Struct.Of((1, ThriftValue.Int(6)), (3, ThriftValue.Int(0)), (4, Name("text")), (6, ThriftValue.Int(0))),
        ]);
        var footer = new MemoryStream();
        ThriftWriter.Write(
            footer,
            ThriftValue.Struct.Of(
                (1, ThriftValue.Int(1)), (2, schema), (3, ThriftValue.Wide(Rows)), (4, new ThriftValue.Sequence(12, [group]))));
        Assert.Contains("million letters", _folder.Refused("run.parquet", File(pages.ToArray(), footer.ToArray())));
    }

    [Fact]
    public void Mutated_Footers_Are_Read_Or_Refused()
    {
        var random = new SeededRandom(11);
        var (read, refused) = (0, 0);
        foreach (var name in Fixtures)
        {
            var bytes = System.IO.File.ReadAllBytes(TestPaths.Fixture("data", name));
            var length = (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - 8));
            var (pages, footer) = (bytes[4..^(length + 8)], bytes[^(length + 8)..^8]);
            for (var trial = 0; trial < 10_000; trial++)
            {
                var mutated = Mutated(footer, random);
                try
                {
                    ParquetFooter.Read(new MemoryStream(File(pages, mutated)));
                    read++;
                }
                catch (InvalidDataException)
                {
                    refused++;
                    continue;
                }
                // Those that hold together go all the way.
                if (trial % 8 == 0) ReadOrRefused(File(pages, mutated));
            }
        }
        Assert.True(read > 1000 && refused > 1000, $"{read} read, {refused} refused");
    }

    [Fact]
    public void Mutated_Pages_Are_Read_Or_Refused()
    {
        var random = new SeededRandom(12);
        foreach (var name in Fixtures)
        {
            var bytes = System.IO.File.ReadAllBytes(TestPaths.Fixture("data", name));
            var length = (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - 8));
            for (var trial = 0; trial < 300; trial++)
            {
                var damaged = (byte[])bytes.Clone();
                for (var i = 0; i < 1 + trial % 4; i++) damaged[4 + random.Next(bytes.Length - length - 12)] = (byte)random.Next(256);
                ReadOrRefused(damaged);
            }
        }
    }

    private void ReadOrRefused(byte[] bytes)
    {
        var path = _folder.Write("mutated.parquet", bytes);
        try
        {
            TextDataset.Load(path, new DataOptions { OnBadRow = OnBadRow.Skip });
        }
        catch (PeftException e)
        {
            Assert.Contains("mutated.parquet", e.Message);
        }
    }

    private static byte[] Mutated(byte[] bytes, SeededRandom random)
    {
        var at = random.Next(bytes.Length);
        switch (random.Next(4))
        {
            case 0:
                var flipped = (byte[])bytes.Clone();
                flipped[at] ^= (byte)(1 << random.Next(8));
                return flipped;
            case 1: return bytes[..at];
            case 2:
                var other = random.Next(bytes.Length);
                return [.. bytes[..at], .. bytes[other..]];
            default:
                var replaced = (byte[])bytes.Clone();
                replaced[at] = (byte)random.Next(256);
                return replaced;
        }
    }

    // A fixture with its footer changed; the pages stay where they are.
    private string Rewritten(string name, Action<ThriftValue.Struct> change)
    {
        var bytes = System.IO.File.ReadAllBytes(TestPaths.Fixture("data", name));
        var length = (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - 8));
        var footer = new ThriftReader(bytes.AsSpan(bytes.Length - 8 - length, length), 1 << 20).ReadStruct();
        change(footer);
        var written = new MemoryStream();
        ThriftWriter.Write(written, footer);
        return _folder.Write(name, File(bytes[4..^(length + 8)], written.ToArray()));
    }

    private static byte[] File(byte[] pages, byte[] footer) =>
        [.. "PAR1"u8, .. pages, .. footer, .. BitConverter.GetBytes(footer.Length), .. "PAR1"u8];

    private static ThriftValue.Bytes Name(string name) => new(System.Text.Encoding.UTF8.GetBytes(name));

    private static void Page(MemoryStream to, int type, byte[] body, short field, ThriftValue.Struct details)
    {
        ThriftWriter.Write(
            to,
            ThriftValue.Struct.Of(
                (1, ThriftValue.Int(type)), (2, ThriftValue.Int(body.Length)), (3, ThriftValue.Int(body.Length)), (field, details)));
        to.Write(body);
    }

    private static IEnumerable<byte> VarInt(uint value)
    {
        for (; value >= 128; value >>= 7) yield return (byte)(value | 128);
        yield return (byte)value;
    }
}
