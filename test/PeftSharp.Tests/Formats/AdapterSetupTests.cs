using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;

namespace PeftSharp.Tests.Formats;

/// <summary>Compositions on disk as AdapterHub's <c>save_adapter_setup</c> writes them.</summary>
public sealed class AdapterSetupTests
{
    [Fact]
    public void A_Composition_Is_Saved_With_All_That_It_Needs()
    {
        using var folder = new TempFolder();
        using var bench = new Bench("bert");
        foreach (var (name, seed) in (IEnumerable<(string, ulong)>)[("a", 70), ("b", 80), ("c", 90)])
            Bench.Disturb(bench.Add("pfeiffer", name, seed), seed: seed);
        Bench.Disturb(bench.Peft.AddFusion(["a", "b"]));
        var tree = bench.Peft.Compose("stack(c,fuse(a,b),average(a:1,c:3))");
        var expected = bench.Logits(AdapterSelection.Of(tree));
        AdapterSetup.Save(bench.Peft, tree, folder.Root);
        Assert.True(AdapterSetup.Is(folder.Root));
        var json = JsonNode.Parse(File.ReadAllText(folder.File(AdapterSetup.FileName)))!;
        Assert.Equal("Stack", (string?)json["adapter_setup"]!["type"]);
        Assert.Equal("c", (string?)json["adapter_setup"]!["children"]![0]!["children"]![0]);
        Assert.Equal("Fuse", (string?)json["adapter_setup"]!["children"]![1]!["type"]);
        Assert.Equal("[0.25,0.75]", json["adapter_setup"]!["children"]![2]!["kwargs"]!["weights"]!.ToJsonString());

        var read = AdapterSetup.Read(folder.Root);
        using var again = new Bench("bert");
        foreach (var path in read.Names) AdapterFolder.Open(path).LoadInto(again.Peft);
        foreach (var path in read.FusionNames) AdapterFolder.Open(path).LoadInto(again.Peft);
        var found = again.Peft.Compose(read.Renamed(path => AdapterExpression.Of(Path.GetFileName(path)), path => Path.GetFileName(path)!));
        Bits.AssertSame(expected, again.Logits(AdapterSelection.Of(found)), "The composition after saving and loading");
    }

    /// <summary>What AdapterHub's own <c>to_dict</c> gives.</summary>
    [Theory]
    [InlineData("""{"type":"Stack","children":[{"type":"single","children":["a"]}]}""", "a")]
    [InlineData("""{"type":"Stack","children":[{"type":"single","children":["a"]},{"type":"Fuse","children":["""
        + """{"type":"single","children":["b"]},{"type":"single","children":["c"]}]}]}""", "stack(a,fuse[\"b,c\"](b,c))")]
    [InlineData("""{"type":"Average","children":[{"type":"single","children":["a"]},{"type":"single","children":["b"]}],"kwargs":"""
        + """{"weights":[0.25,0.75]}}""", "average(a:0.25,b:0.75)")]
    [InlineData("""{"type":"Split","children":[{"type":"single","children":["a"]},{"type":"single","children":["b"]}],"kwargs":"""
        + """{"splits":[64,64]}}""", "split(a:64,b)")]
    public void AdapterHubs_Own_Are_Read(string setup, string expected)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File(AdapterSetup.FileName),
            $$"""{"adapter_setup":{{setup}},"head_setup":null,"version":"adapters.1.2.0"}""");
        var read = AdapterSetup.Read(folder.Root);
        Assert.Equal(
            expected,
            read.Renamed(
                path => AdapterExpression.Of(Path.GetRelativePath(folder.Root, path)), path => Path.GetRelativePath(folder.Root, path))
                .ToString());
    }

    [Theory]
    [InlineData("""{"type":"Stack","children":[{"type":"single","children":["../../etc"]}]}""", "name of one adapter")]
    [InlineData("""{"type":"Stack","children":[{"type":"single","children":[".."]}]}""", "name of one adapter")]
    [InlineData("""{"type":"Stack","children":[{"type":"single","children":["C:x"]}]}""", "name of one adapter")]
    [InlineData("""{"type":"BatchSplit","children":[{"type":"single","children":["a"]}],"kwargs":{"batch_sizes":[1]}}""", "row by row")]
    [InlineData("""{"type":"Average","children":[{"type":"single","children":["a"]}],"kwargs":{"weights":[0.5,0.5]}}""", "weight for each")]
    [InlineData("""{"type":"Average","children":[{"type":"single","children":["a"]}],"kwargs":{"weights":["x"]}}""", "finite number")]
    [InlineData("""{"type":"Split","children":[{"type":"single","children":["a"]}],"kwargs":{"splits":[0]}}""", "tokens")]
    [InlineData("""{"type":"Stack","children":[]}""", "at least one")]
    [InlineData("""{"type":"Stack","children":7}""", "objects")]
    [InlineData("""7""", "object")]
    public void Damaged_Ones_Are_One_Sentence(string setup, string said)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File(AdapterSetup.FileName), $$"""{"adapter_setup":{{setup}}}""");
        Refusal.Sentence(() => AdapterSetup.Read(folder.Root), said);
    }

    [Fact]
    public void Deep_And_Wide_Ones_Are_Refused()
    {
        using var folder = new TempFolder();
        string Nested(int depth) =>
            depth == 0 ? """{"type":"single","children":["a"]}"""
            : $$"""{"type":"Average","children":[{{Nested(depth - 1)}},{"type":"single","children":["b"]}]}""";
        void Write(string setup) => File.WriteAllText(folder.File(AdapterSetup.FileName), $$"""{"adapter_setup":{{setup}} }""");
        Write(Nested(20));
        Refusal.Sentence(() => AdapterSetup.Read(folder.Root), "deep");
        var many = string.Join(",", Enumerable.Range(0, 256).Select(i => $$"""{"type":"single","children":["{{i}}"]}"""));
        Write($$"""{"type":"Stack","children":[{"type":"Stack","children":[{{many}}]},{"type":"Average","children":"""
            + $$"""[{{many.Replace("[\"", "[\"x")}}]}]}""");
        Refusal.Sentence(() => AdapterSetup.Read(folder.Root), "512");
    }

    [Fact]
    public void What_Has_No_Place_There_Is_Refused_Before_Anything_Is_Written()
    {
        using var folder = new TempFolder();
        using var bench = new Bench("bert");
        bench.Add("pfeiffer", "a");
        bench.Add("pfeiffer", "b/c");
        bench.Add("bitfit", "d");
        var target = folder.File("x");
        Refusal.Of(bench, () => AdapterSetup.Save(bench.Peft, bench.Peft.Compose("stack(a,b/c)"), target), "rename");
        Refusal.Of(bench, () => AdapterSetup.Save(bench.Peft, bench.Peft.Compose("stack(a,d)"), target), "AdapterHub");
        Refusal.Of(bench, () => AdapterSetup.Save(bench.Peft, bench.Peft.Compose("split(a:3,a)"), target), "split");
        Assert.False(Path.Exists(target));
    }
}
