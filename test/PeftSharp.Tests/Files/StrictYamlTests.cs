using PeftSharp.Files.Yaml;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Tests.Files;

/// <summary>Recipes and plans of strangers: read, or refused in one sentence with its line.</summary>
public sealed class StrictYamlTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("? &a [*a]\n: 1\n", "line 1: the alias \"*a\"")]
    [InlineData("a: &x {b: *x}\n", "the alias \"*x\"")]
    [InlineData("a: &x 1\nb: *x\n", "line 2: the alias")]
    [InlineData("a: !!python/object:os.system 1\n", "the tag")]
    [InlineData("a: 1\na: 2\n", "line 2: the key \"a\" is there twice")]
    [InlineData("m: {a: 1, a: 2}\n", "the key \"a\" is there twice")]
    [InlineData("methods:\n   : grid: {r: 1}\n", "line 2")]
    [InlineData("? [a]\n: 1\n", "a key is no text")]
    [InlineData("? {a: 1}\n: 1\n", "a key is no text")]
    [InlineData("- 1\n", "no mapping")]
    [InlineData("a\n", "no mapping")]
    [InlineData("# nothing\n", "no mapping")]
    [InlineData("a: 1\n---\nb: 2\n", "a second document")]
    [InlineData("a: [1\n", "not valid YAML")]
    [InlineData("a: \"\\ud800\"\n", "not valid YAML")]
    [InlineData("%TAG ! tag:x,2000:\n%TAG ! tag:x,2000:\n---\na: 1\n", "not valid YAML")]
    [InlineData("a: *\n", "not valid YAML")]
    public void What_A_Recipe_Does_Not_Need_Is_Refused(string text, string said)
    {
        var file = _folder.Write("r.yaml", System.Text.Encoding.UTF8.GetBytes(text));
        var message = Assert.ThrowsAny<PeftException>(() => StrictYaml.Read(file)).Message;
        Assert.Contains("r.yaml", message);
        Assert.Contains(said, message);
    }

    [Fact]
    public void Bounds_Hold()
    {
        string Refused(string text) =>
            Assert.ThrowsAny<PeftException>(
                () => StrictYaml.Read(_folder.Write("r.yaml", System.Text.Encoding.UTF8.GetBytes(text)))).Message;
        Assert.Contains("deeper than 32", Refused($"a: {new string('[', 100_000)}"));
        Assert.Contains("deeper than 32", Refused($"a: {string.Concat(Enumerable.Repeat("{b: ", 1000))}"));
        Assert.Contains("more than 20000 values", Refused($"a: [{string.Join(", ", Enumerable.Range(0, 30_000))}]"));
        Assert.Contains("more than 65536", Refused($"a: {new string('x', 100_000)}"));
        Assert.Contains("more than 1,048,576 bytes", Refused($"a: {new string('x', 2_000_000)}"));
        Assert.Contains(
            "not UTF-8", Assert.ThrowsAny<PeftException>(() => StrictYaml.Read(_folder.Write("r.yaml", [.. "a: "u8, 0xff]))).Message);
    }

    [Fact]
    public void Values_Keep_Their_Kinds()
    {
        var file = _folder.Write("r.yaml", "\uFEFFa: 1\nb: 0.5\nc: \"1\"\nd: [x, true, null, ~]\ne:\nf: {g: -3}\nh: 1e999\n"u8.ToArray());
        Assert.Equal("""{"a":1,"b":0.5,"c":"1","d":["x",true,null,null],"e":null,"f":{"g":-3},"h":"1e999"}""",
            StrictYaml.Read(file).Json().ToJsonString());
    }

    [Fact]
    public void A_Plan_Of_A_Billion_Is_Refused_Before_It_Is_Made()
    {
        var axes = string.Join("\n", Enumerable.Range(0, 9).Select(i => $"      k{i}: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"));
        var file = _folder.Write("p.yaml", System.Text.Encoding.UTF8.GetBytes($"data: d\nmethods:\n  lora:\n    grid:\n{axes}\n"));
        Assert.Contains("more than 1000 combinations", Assert.Throws<SettingsException>(() => CompareFile.Read(file)).Message);
        var seeds = string.Join(", ", Enumerable.Range(0, 200));
        var many = _folder.Write(
            "q.yaml",
            System.Text.Encoding.UTF8.GetBytes(
                $"data: d\nseeds: [{seeds}]\nmethods: [{string.Join(", ", Enumerable.Range(0, 200).Select(i => $"m{i}"))}]\n"));
        Assert.Contains("40,000 runs", Assert.Throws<SettingsException>(() => CompareFile.Read(many).Cells().ToList()).Message);
    }

    [Theory]
    [InlineData("argument.yaml")]
    [InlineData("alias-of-itself.yaml")]
    [InlineData("plan-of-a-billion.yaml")]
    public void The_Collected_Ones_Are_Refused(string name) =>
        Assert.ThrowsAny<PeftException>(() => CompareFile.Read(TestPaths.RequireShared("hostile", "recipe", name)));

    public void Dispose() => _folder.Dispose();
}
