using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

/// <summary>Rows and tokens that lie in files are the same as those in memory.</summary>
public sealed class StorageTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataOptions OnDisk =>
        new() { Storage = new DataStorage { MemoryBytes = 1 << 12, Folder = System.IO.Path.Combine(_folder.Path, "scratch") } };

    private sealed class Letters : ITextEncoder
    {
        public int PadId => 0;

        public EncodedText Encode(string text, string? pair, int maxLength)
        {
            int[] ids = [1, .. text.Concat(pair ?? "").Select(c => (int)c).Take(maxLength - 1)];
            return new EncodedText(ids, pair is null ? null : [.. ids.Select((_, i) => i > text.Length ? 1 : 0)]);
        }
    }

    private string Rows(string name, Func<int, string> row, string header = "text_a\ttext_b\tlabel\n") =>
        _folder.Write(name, header + string.Concat(Enumerable.Range(0, 2000).Select(i => row(i) + "\n")));

    [Fact]
    public void Rows_In_A_File_Equal_Rows_In_Memory()
    {
        var path = Rows("a.tsv", i => $"Zeile é {i} 🙂\tpair {i * 7919 % 997}\t{(i % 3 == 0 ? "no" : "yes")}");
        var (memory, disk) = (TextDataset.Load(path), TextDataset.Load(path, OnDisk));
        Assert.Equal(memory.Examples, disk.Examples);
        Assert.Equal(memory.LabelNames, disk.LabelNames);
        int[] some = [1999, 3, 3, 0];
        Assert.Equal(memory.Subset(some).Examples, disk.Subset(some).Examples);
        Assert.Equal(memory.Subset(some).Take(2).Examples, disk.Subset(some).Take(2).Examples);
    }

    [Fact]
    public void Bad_Rows_Are_Left_Out_Of_A_File_Too()
    {
        var path = Rows("a.tsv", i => $"row {i}\tp\t{(i == 700 ? "x" : i % 2)}{(i == 900 ? "\tmore" : "")}");
        var data = TextDataset.Load(path, OnDisk with { OnBadRow = OnBadRow.Skip });
        Assert.Equal(1998, data.Count);
        Assert.Equal(["row 699", "row 701"], new[] { data.Examples[699].Text, data.Examples[700].Text });
        Assert.Equal([902, 702], data.Problems.Select(p => int.Parse(p.Split("line ")[1].Split(':')[0])));
        Assert.Contains("line 902", Assert.Throws<PeftException>(() => TextDataset.Load(path, OnDisk)).Message);
    }

    [Fact]
    public void Tokens_In_A_File_Make_The_Same_Batches()
    {
        var path = Rows("a.tsv", i => $"row {i}\t{new string('x', 1 + i % 50)}\t{i % 2}");
        var memory = TokenizedDataset.Create(TextDataset.Load(path), new Letters(), 40);
        var disk = TokenizedDataset.Create(TextDataset.Load(path, OnDisk), new Letters(), 40);
        Assert.Equal((false, true), (memory.OnDisk, disk.OnDisk));
        Assert.Equal((memory.Tokens, memory.TruncatedRows), (disk.Tokens, disk.TruncatedRows));
        Assert.Equal(memory.Lengths, disk.Lengths);
        foreach (var rows in new int[][] { [0], [1999, 5, 1000], [.. Enumerable.Range(500, 64)] })
        {
            using var expected = memory.CreateBatch(rows);
            using var actual = disk.CreateBatch(rows);
            Assert.Equal(expected.InputIds.data<long>().ToArray(), actual.InputIds.data<long>().ToArray());
            Assert.Equal(expected.TokenTypeIds!.data<long>().ToArray(), actual.TokenTypeIds!.data<long>().ToArray());
            Assert.Equal(expected.Labels!.data<long>().ToArray(), actual.Labels!.data<long>().ToArray());
        }
    }

    [Fact]
    public void Segments_That_Appear_Late_Are_Zeros_Before()
    {
        var lines = Enumerable.Range(0, 20_000)
            .Select(i => i == 19_000 ? "{\"input_ids\": [5, 6], \"token_type_ids\": [0, 1]}" : "{\"input_ids\": [7, 8, 9]}");
        var data = TokenizedDataset.Create(TextDataset.Load(_folder.Write("a.jsonl", string.Join('\n', lines)), OnDisk), new Letters(), 40);
        Assert.Equal([0, 1], data.TypeIds(19_000).ToArray());
        Assert.Equal([0, 0, 0], data.TypeIds(18_999).ToArray());
        Assert.Equal([0, 0, 0], data.TypeIds(0).ToArray());
        Assert.Equal([7, 8, 9], data.Ids(19_999).ToArray());
    }

    [Fact]
    public void Kinds_Of_Labels_Are_Told_Alike()
    {
        foreach (var label in new Func<int, string>[] { i => $"{i / 8.0 + 0.5:0.000}", _ => "-1", i => i % 5 == 0 ? "good" : "1" })
        {
            var path = Rows("a.tsv", i => $"row {i}\tp\t{label(i)}");
            var (memory, disk) = (
                TextDataset.Load(path, new DataOptions { OnBadRow = OnBadRow.Skip }),
                TextDataset.Load(path, OnDisk with { OnBadRow = OnBadRow.Skip }));
            Assert.Equal((memory.Kind, memory.SkippedRows), (disk.Kind, disk.SkippedRows));
            Assert.Equal(memory.Examples, disk.Examples);
        }
    }

    [Fact]
    public void Nothing_Is_Left_In_The_Folder()
    {
        var data = TextDataset.Load(Rows("a.tsv", i => $"row {i}\tp\t{i % 2}"), OnDisk);
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There the file has its name until it is closed.");
        Assert.Empty(Directory.GetFileSystemEntries(OnDisk.Storage.Folder!));
        Assert.Equal("row 1999", data.Examples[1999].Text);
    }

    [Fact]
    public void A_Dataset_That_Nobody_Holds_Is_Unmapped()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux lists what a process has mapped.");
        int Mapped() => File.ReadLines("/proc/self/maps").Count(line => line.Contains(_folder.Path, StringComparison.Ordinal));
        var path = Rows("a.tsv", i => $"row {i}\t{new string('x', 1 + i % 50)}\t{i % 2}");
        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void Use()
        {
            var data = TokenizedDataset.Create(TextDataset.Load(path, OnDisk), new Letters(), 40);
            Assert.Equal(2, Mapped()); // ids and segments
            GC.KeepAlive(data);
        }
        Use();
        for (var i = 0; i < 20 && Mapped() > 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.Equal(0, Mapped());
    }

    [Fact]
    public void A_Folder_That_Cannot_Be_Written_Is_Told()
    {
        var options = OnDisk with { Storage = new DataStorage { MemoryBytes = 1 << 12, Folder = _folder.Write("file", "x") } };
        var path = Rows("a.tsv", i => $"row {i}\tp\t{i % 2}");
        Assert.Contains("cannot be kept in", Assert.Throws<PeftException>(() => TextDataset.Load(path, options)).Message);
    }

    [Fact]
    public void A_Json_Array_Is_Read_Piece_By_Piece()
    {
        var elements = Enumerable.Range(0, 3000).Select(i => $"{{\"text\": \"{new string('y', i % 300)}{i}\",\n \"label\": {i % 2}}}");
        var data = TextDataset.Load(_folder.Write("a.json", "[" + string.Join(",\n", elements) + "\n]\n"), OnDisk);
        Assert.Equal(3000, data.Count);
        Assert.Equal(Enumerable.Range(0, 3000).Select(i => 1 + 2 * i), data.Examples.Select(e => e.Line));
        Assert.Equal(new string('y', 299) + "2999", data.Examples[2999].Text);
        Assert.Contains("line 3: not valid JSON", _folder.Refused("b.json", "[{\"text\": \"a\"},\n{\"text\": \"b\"}\n] x"));
        Assert.Contains(
            "the element is longer than 100",
            _folder.Refused("c.json", "[{\"text\": \"" + new string('z', 200_000), new DataOptions { MaxLineBytes = 100 }));
    }
}
