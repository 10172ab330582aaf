using PeftSharp.Runs;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Runs;

/// <summary>A folder of results replaces results of this program and nothing else, and loses nothing on the way.</summary>
public sealed class OutputFolderTests : IDisposable
{
    private readonly TempFolder _temp = new();
    private readonly List<string> _remarks = [];

    private string Target => _temp.File("out");

    private string Work => _temp.File(".out.run");

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void It_appears_whole_with_its_mark_and_is_replaced_only_when_told()
    {
        Write("first");
        Assert.Equal([".peftsharp.json", "a.txt", "sub"], Names(Target));
        Assert.Contains("exists and is not empty", Refused(new()));
        Write("second", Overwriting);
        Assert.Equal("second", File.ReadAllText(Path.Combine(Target, "a.txt")));
        Assert.Equal(["out"], Names(_temp.Root));
    }

    [Theory]
    [InlineData("notes.txt", "\"notes.txt\", which this program did not write")]
    [InlineData(".git/HEAD", "\".git\", which this program did not write")]
    [InlineData("sub/mine.txt", "\"sub/mine.txt\", which this program did not write")]
    [InlineData("a.txt", "\"a.txt\", which was changed since this program wrote it")]
    public void What_others_put_there_before_is_named_and_nothing_is_replaced(string file, string expected)
    {
        Write("first");
        Put(Target, file);
        Assert.Contains(expected, Refused(Overwriting));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Target, file)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{\"peftsharp_output\": 1, \"files\": {\"../../x\": {\"bytes\": 4, \"sha256\": \"\"}}}")]
    [InlineData("{\"peftsharp_output\": 1, \"files\": {\"config.json\": {\"bytes\": 4, \"sha256\": \"00\"}}}")]
    [InlineData("{\"peftsharp_output\": 1, \"peftsharp_output\": 1, \"files\": {}}")]
    [InlineData("[1]")]
    public void A_project_is_not_replaced_whatever_mark_it_bears(string? mark)
    {
        foreach (var file in (string[])["config.json", "run.json", "adapter_config.json", "src/Program.cs", ".git/HEAD"]) Put(Target, file);
        if (mark is not null) File.WriteAllText(Path.Combine(Target, ".peftsharp.json"), mark);
        Assert.Contains("so it is not replaced", Refused(Overwriting));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Target, "src/Program.cs")));
    }

    [Fact]
    public void What_others_put_there_while_a_run_lasts_moves_along_or_stays_beside()
    {
        Write("first");
        using (var folder = Plan(Overwriting))
        {
            Fill(folder, "second");
            Put(Target, "notes.txt");
            Put(Target, ".git/HEAD");
            Put(Target, "sub/b.txt");
            folder.Finish();
        }
        Assert.Equal("second", File.ReadAllText(Path.Combine(Target, "a.txt")));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Target, "notes.txt")));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Target, ".git/HEAD")));
        // Its name is taken in the new result.
        Assert.Equal("second", File.ReadAllText(Path.Combine(Target, "sub/b.txt")));
        Assert.Equal("mine", File.ReadAllText(_temp.File("out.kept/sub/b.txt")));
        Assert.Contains(_remarks, r => r.Contains(_temp.File("out.kept"), StringComparison.Ordinal));
        Assert.Equal(["out", "out.kept"], Names(_temp.Root));
    }

    [Fact]
    public void A_result_whose_place_was_taken_meanwhile_is_kept_beside_it_and_named()
    {
        Put(_temp.File("out.kept"), "old.txt");
        using (var folder = Plan(Overwriting))
        {
            Fill(folder, "mine too");
            Put(Target, "theirs.txt");
            var told = Assert.Throws<PeftException>(() => folder.Finish());
            Assert.Contains($"the finished result is in {_temp.File("out.kept-2")}", told.Message);
        }
        Assert.Equal(["theirs.txt"], Names(Target));
        Assert.Equal("mine too", File.ReadAllText(_temp.File("out.kept-2/a.txt")));
        Assert.Equal(["out", "out.kept", "out.kept-2"], Names(_temp.Root));
    }

    [Fact]
    public void Inputs_are_protected_whatever_they_are_called()
    {
        Write("base");
        File.Move(Path.Combine(Target, "a.txt"), Path.Combine(Target, "config.json"));
        Directory.CreateSymbolicLink(_temp.File("link"), Target);
        Directory.CreateSymbolicLink(_temp.File("around"), _temp.Root);
        File.CreateSymbolicLink(_temp.File("rows.tsv"), Path.Combine(Target, "config.json"));
        Directory.CreateDirectory(_temp.File("snapshot"));
        File.CreateSymbolicLink(_temp.File("snapshot/model.safetensors"), Path.Combine(Target, "config.json"));
        foreach (var input in (string[])["link", "around/out", "rows.tsv", "out/sub", "snapshot", "out/../out/config.json", "out/*.json"])
            Assert.Contains("which this run reads", Refused(Overwriting, _temp.File(input)));
        Assert.Contains(
            "lies in", Assert.Throws<OutputRefusedException>(() => OutputFolder.Plan(_temp.File("link/new"), new(), Target)).Message);
        Directory.CreateSymbolicLink(_temp.File("again"), _temp.File("link"));
        Assert.Contains(
            "which this run reads",
            Assert.Throws<OutputRefusedException>(() => OutputFolder.Plan(_temp.File("again"), Overwriting, Target)).Message);
        using var late = OutputFolder.Plan(_temp.File("other"));
        late.Protect("owner/name", null, _temp.File("link"));
        Assert.Throws<OutputRefusedException>(() => late.Protect(_temp.File(".other.run")));
    }

    [Fact]
    public void A_link_to_the_place_stays_and_the_folder_behind_it_is_written()
    {
        Directory.CreateDirectory(_temp.File("disk"));
        Directory.CreateSymbolicLink(_temp.File("link"), _temp.File("disk/runs"));
        using (var folder = OutputFolder.Plan(_temp.File("link")))
        {
            Fill(folder, "there");
            folder.Finish();
        }
        Assert.Equal(_temp.File("disk/runs"), new DirectoryInfo(_temp.File("link")).LinkTarget);
        Assert.Equal("there", File.ReadAllText(_temp.File("disk/runs/a.txt")));
    }

    [Fact]
    public void A_work_folder_that_this_program_did_not_make_is_refused_and_stays()
    {
        Put(_temp.File("elsewhere"), "mine.txt");
        foreach (var plant in (Action[])[
            () => Put(Work, "complete"),
            () => Put(Work, "output/a.txt"),
            () => { Put(Work, "work.json"); Put(Work, "output/a.txt"); },
            () => { Put(Work, "work.json"); Directory.CreateSymbolicLink(Path.Combine(Work, "output"), _temp.File("elsewhere")); },
            () =>
                { Directory.CreateDirectory(Work); File.CreateSymbolicLink(Path.Combine(Work, "lock"), _temp.File("elsewhere/mine.txt")); },
            () => Directory.CreateSymbolicLink(Work, _temp.File("elsewhere")),
            () => Put(_temp.Root, ".out.run")])
        {
            plant();
            Assert.Contains("was not made by this program", Refused(new()));
            Assert.Equal("mine", File.ReadAllText(_temp.File("elsewhere/mine.txt")));
            Assert.False(Path.Exists(Target));
            if (Directory.Exists(Work) && new DirectoryInfo(Work).LinkTarget is null) Directory.Delete(Work, recursive: true);
            else File.Delete(Work);
        }
    }

    [Fact]
    public void A_planted_declaration_puts_nothing_into_place()
    {
        using (var folder = Plan(new())) Fill(folder, "half");
        Put(Work, "output/a.txt");
        File.WriteAllText(Path.Combine(Work, "work.json"), "{\"peftsharp_work\": 1}\n");
        File.WriteAllText(Path.Combine(Work, "complete"), "{\"mark\": \"00\", \"replaces\": null, \"at_end\": true}");
        using (var next = Plan(new())) Assert.False(next.WasFinished);
        Assert.Empty(Names(_temp.Root));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Whenever_it_is_killed_the_next_run_finds_the_old_result_or_the_new(int moment)
    {
        Write("old");
        var old = Snapshot(Target);
        // The moments: half written, declared, exchanged, moved aside only, exchanged and half deleted.
        using (var folder = Plan(Overwriting))
        {
            Fill(folder, "new");
            var placement = new OutputPlacement(Target, Work, null);
            if (moment > 0) placement.Declare("test", OutputMark.TryRead(Target)!.Digest, atEnd: true);
            if (moment == 3) Directory.Move(Target, placement.Old);
            if (moment is 2 or 4)
            {
                Directory.CreateDirectory(_temp.File("x"));
                Directory.Move(Target, _temp.File("x/old"));
                Directory.Move(placement.Aside, Target);
                Directory.Move(_temp.File("x/old"), moment == 2 ? placement.Aside : placement.Old);
                Directory.Delete(_temp.File("x"));
            }
            if (moment == 4) File.Delete(Path.Combine(placement.Old, "a.txt"));
            CopyFolder(_temp.Root, _temp.Root + ".copy");
        }
        // The process is gone without a word: what it left is as it was.
        Directory.Delete(_temp.Root, recursive: true);
        Directory.Move(_temp.Root + ".copy", _temp.Root);
        using (var next = OutputFolder.Take(Target)) Assert.Equal(moment > 0, next.WasFinished);
        Assert.Equal(moment > 0 ? "new" : "old", File.ReadAllText(Path.Combine(Target, "a.txt")));
        if (moment == 0) Assert.Equal(old, Snapshot(Target));
        Assert.Equal(["out"], Names(_temp.Root));
    }

    [Fact]
    public void Two_do_not_write_one_place()
    {
        using var first = Plan(new());
        Assert.Contains($"is being worked on by another run (process {Environment.ProcessId})", Refused(new()));
    }

    [Fact]
    public void A_file_system_of_its_own_and_no_name_are_refused()
    {
        Assert.Contains("has no name", Assert.Throws<OutputRefusedException>(() => OutputFolder.Plan("", Overwriting)).Message);
        if (Directory.Exists("/dev/shm"))
            Assert.Contains(
                "a file system of its own",
                Assert.Throws<OutputRefusedException>(() => OutputFolder.Plan("/dev/shm", Overwriting)).Message);
    }

    [Fact]
    public void Failure_leaves_nothing()
    {
        using (var folder = OutputFolder.Plan(_temp.File("deep/er/out"))) Fill(folder, "x");
        Assert.Empty(Names(_temp.Root));
    }

    private static OutputOptions Overwriting => new() { Overwrite = true };

    private void Write(string content, OutputOptions? options = null)
    {
        using var folder = Plan(options ?? new());
        Fill(folder, content);
        folder.Finish();
    }

    private OutputFolder Plan(OutputOptions options) => OutputFolder.Plan(Target, options with { Remark = _remarks.Add });

    private string Refused(OutputOptions options, params string?[] inputs) =>
        Assert.Throws<OutputRefusedException>(() => OutputFolder.Plan(Target, options, inputs)).Message;

    private static void Fill(OutputFolder folder, string content)
    {
        var aside = folder.Create();
        File.WriteAllText(Path.Combine(aside, "a.txt"), content);
        Directory.CreateDirectory(Path.Combine(aside, "sub"));
        File.WriteAllText(Path.Combine(aside, "sub", "b.txt"), content);
    }

    private static void Put(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "mine");
    }

    private static string[] Names(string folder) =>
        [.. Directory.GetFileSystemEntries(folder).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal)];

    private static List<(string, string)> Snapshot(string folder) =>
        [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order().Select(f => (f, File.ReadAllText(f)))];

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from).Where(f => Path.GetFileName(f) != "lock"))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var folder in Directory.GetDirectories(from)) CopyFolder(folder, Path.Combine(to, Path.GetFileName(folder)));
    }
}
