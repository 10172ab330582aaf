namespace PeftSharp.Tests.Cli;

/// <summary>The collected files of strangers through the real program: a refusal in one sentence, whatever verb meets them first.</summary>
public sealed class HostileCaseTests : IDisposable
{
    private readonly string _root = TestPaths.Temporary("peftsharp-hostile-");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("x.json")]
    [InlineData("x.jsonl")]
    [InlineData("x.jsonl.gz")]
    public void Data(string name)
    {
        var file = TestPaths.RequireShared("hostile", "data", name);
        Assert.Contains("half of a surrogate pair", Peft.Run("predict", "--base", Base(), "--data", file).Fails(1));
    }

    [Theory]
    [InlineData("alias-of-itself.yaml", "alias")]
    [InlineData("argument.yaml", "a key is no text")]
    [InlineData("plan-of-a-billion.yaml", "more than 1000 combinations")]
    public void Plans(string name, string expected) =>
        Assert.Contains(
            expected,
            Peft.Run("compare", TestPaths.RequireShared("hostile", "recipe", name), "--out", Path.Combine(_root, "out")).Fails(2));

    [Theory]
    [InlineData("alias-of-itself.yaml")]
    [InlineData("argument.yaml")]
    public void Recipes(string name) =>
        Assert.Contains(
            "line ",
            Peft.Run("train", "--recipe", TestPaths.RequireShared("hostile", "recipe", name), "--out", Path.Combine(_root, "out"))
                .Fails(2));

    [Theory]
    [InlineData("duplicate-key.json", "\"hidden_size\" is a list")]
    [InlineData("not-an-object.json", "no JSON object")]
    public void Configurations(string name, string expected)
    {
        var model = Copy(TestPaths.RequireShared("fixtures", "models", "bert"), "model");
        File.Copy(TestPaths.RequireShared("hostile", "config", name), Path.Combine(model, "config.json"), overwrite: true);
        string[][] lines =
        [
            ["info", model], ["predict", "--base", model, "--text", "a"],
            ["quantize", "--base", model, "--out", Path.Combine(_root, "out")],
        ];
        foreach (var line in lines) Assert.Contains(expected, Peft.Run(line).Fails(1));
    }

    [Theory]
    [InlineData("bomb-rank.json", "bert-lora")]
    [InlineData("bomb-prefix.json", "bert-prefix")]
    [InlineData("impossible-rank.json", "adapterhub-bert-mam")]
    [InlineData("infinite-number.json", "adapterhub-bert-double-seq-bn")]
    [InlineData("null-where-object.json", "adapterhub-bert-mam")]
    [InlineData("wrong-kind.json", "adapterhub-bert-double-seq-bn")]
    public void Adapters(string name, string tensors)
    {
        var adapter = Copy(TestPaths.RequireShared("fixtures", "cases", tensors), "adapter");
        File.Copy(TestPaths.RequireShared("hostile", "adapter", name), Path.Combine(adapter, "adapter_config.json"), overwrite: true);
        Peft.Run(
            "merge", "--base", TestPaths.RequireShared("fixtures", "models", "bert"), "--adapter", adapter, "--out",
            Path.Combine(_root, "out"))
            .Fails(1);
        Assert.False(Directory.Exists(Path.Combine(_root, "out")));
    }

    [Fact]
    public void A_file_of_another_program_is_named_as_what_it_is_by_every_verb()
    {
        var file = Path.Combine(_root, "x.gguf");
        File.WriteAllBytes(file, "GGUF\u0003\0\0\0"u8.ToArray());
        var adapter = Copy(TestPaths.RequireShared("fixtures", "cases", "bert-lora"), "adapter");
        var destination = Path.Combine(_root, "out");
        string[][] lines =
        [
            ["info", file],
            ["predict", "--base", file, "--text", "a"],
            ["merge", "--base", file, "--adapter", adapter, "--out", destination],
            ["quantize", "--base", file, "--out", destination],
        ];
        foreach (var line in lines) Assert.Contains("has 8 bytes where a GGUF file has at least 24", Peft.Run(line).Fails(1));
    }

    private static string Base() => TestPaths.RequireShared("user-cases", "add-prefix-space", "base");

    private string Copy(string from, string name)
    {
        var copy = Directory.CreateDirectory(Path.Combine(_root, name)).FullName;
        foreach (var file in Directory.GetFiles(from)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }
}
