using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class GzipTests : IDisposable
{
    private const string Table = "text\tlabel\nfine\t1\npoor\t0\n";
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    internal static byte[] Pack(string text) => Pack(Encoding.UTF8.GetBytes(text));

    private static byte[] Pack(byte[] bytes)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal)) gzip.Write(bytes);
        return packed.ToArray();
    }

    [Theory]
    [InlineData("a.tsv.gz", Table)]
    [InlineData("a.csv.gz", "text,label\n\"fine\",1\npoor,0\n")]
    [InlineData("a.jsonl.gz", "{\"text\": \"fine\", \"label\": 1}\n{\"text\": \"poor\", \"label\": 0}\n")]
    [InlineData("a.JSON.GZ", "[{\"text\": \"fine\", \"label\": 1},\n{\"text\": \"poor\", \"label\": 0}]\n")]
    public void Every_Text_Format_May_Be_Packed(string name, string text)
    {
        var data = TextDataset.Load(_folder.Write(name, Pack(text)));
        Assert.Equal([("fine", 1), ("poor", 0)], data.Examples.Select(e => (e.Text, e.Label)));
    }

    [Fact]
    public void Members_Are_One_Text_And_Zeros_May_Follow()
    {
        byte[] members = [.. Pack(Table[..13]), .. Pack(""), .. Pack(Table[13..]), .. new byte[700]];
        Assert.Equal(["fine", "poor"], TextDataset.Load(_folder.Write("a.tsv.gz", members)).Examples.Select(e => e.Text));
    }

    [Fact]
    public void A_Header_May_Hold_A_Name_A_Comment_And_More()
    {
        var plain = Pack(Table);
        byte[] header = [0x1F, 0x8B, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3, 3, 0, 1, 2, 3, .. "a.tsv\0"u8, .. "notes\0"u8, 9, 9];
        Assert.Equal(2, TextDataset.Load(_folder.Write("a.tsv.gz", [.. header, .. plain[10..]])).Count);
    }

    [Fact]
    public void Large_Content_Comes_Out_As_It_Went_In()
    {
        var random = new SeededRandom(3);
        var lines = Enumerable.Range(0, 20_000).Select(i => $"{i} {random.NextUInt64():x}\t{i % 2}").ToList();
        var data = TextDataset.Load(_folder.Write("a.tsv.gz", Pack("text\tlabel\n" + string.Join('\n', lines))));
        Assert.Equal(lines, data.Examples.Select(e => $"{e.Text}\t{e.Label}"));
    }

    [Fact]
    public void A_Cut_File_Is_Refused_Wherever_It_Was_Cut()
    {
        var packed = Pack(Table);
        for (var length = 2; length < packed.Length; length++) Assert.Contains("is cut", _folder.Refused("a.tsv.gz", packed[..length]));
    }

    [Theory]
    [InlineData("trailing garbage", "where something else follows")]
    [InlineData("\u001f", "is cut")]
    [InlineData("\u001fx", "is followed by something else")]
    public void What_Follows_The_End_Is_Refused(string garbage, string expected) =>
        Assert.Contains(expected, _folder.Refused("a.tsv.gz", [.. Pack(Table), .. Encoding.Latin1.GetBytes(garbage)]));

    [Fact]
    public void Damage_Shows_In_The_Checksum()
    {
        var packed =
            Pack(string.Concat(Enumerable.Range(0, 500).Select(i => $"row {i * 7919 % 1000}\t{i % 2}\n").Prepend("text\tlabel\n")));
        for (var at = 12; at < packed.Length - 8; at += 37)
        {
            var damaged = (byte[])packed.Clone();
            damaged[at] ^= 0x10;
            Assert.Contains("a.tsv.gz", _folder.Refused("a.tsv.gz", damaged));
        }
    }

    [Fact]
    public void Names_And_Content_Have_To_Agree()
    {
        Assert.Contains("rename it to a.tsv.gz", _folder.Refused("a.tsv", Pack(Table)));
        Assert.Contains("is no gzip file (it starts with bytes 0x74 0x65", _folder.Refused("b.tsv.gz", Table));
        Assert.Contains("cannot be told from its extension", _folder.Refused("a.parquet.gz", Pack("x")));
    }

    [Fact]
    public void Endless_Zeros_Are_Stopped()
    {
        // A line of 80 MB in 80 kB.
        var bomb = Pack([.. Encoding.UTF8.GetBytes("text\tlabel\n"), .. new byte[80 << 20]]);
        Assert.InRange(bomb.Length, 1, 200_000);
        Assert.Contains("unpacks to more than 200 times its size", _folder.Refused("a.tsv.gz", bomb));
        Assert.DoesNotContain("unpacks to more", _folder.Refused("a.tsv.gz", bomb, new DataOptions { MaxExpansion = 2000 }));
    }

    [Fact]
    public void Devices_And_Pipes_Are_Refused_Without_Waiting()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such files.");
        var pipe = System.IO.Path.Combine(_folder.Path, "a.tsv");
        using (var make = Process.Start("mkfifo", [pipe])!) make.WaitForExit();
        Assert.SkipUnless(File.Exists(pipe), "mkfifo is not on this machine.");
        foreach (var path in new[] { pipe, "/dev/zero" })
            Assert.Contains(
                "is a device or a pipe",
                Assert.Throws<PeftException>(() => TextDataset.Load(path, new DataOptions { Format = DataFormat.Tsv })).Message);
    }
}
