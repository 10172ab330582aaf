using System.Text.Json.Nodes;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Cli;

/// <summary>
/// <c>peft info --config</c> counts what a method would train on a model of which only config.json is there, in peft's words.
/// </summary>
public sealed class CountTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("llama-2-7b", "trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622", "lora", "r=8")]
    [InlineData("llama-2-70b", "trainable params: 207,093,760 || all params: 69,183,741,952 || trainable%: 0.2993", "lora", "r=16",
        "target_modules=all-linear")]
    [InlineData("falcon-180b", "trainable params: 19,660,800 || all params: 178,576,749,568 || trainable%: 0.0110", "lora", "r=8")]
    public void Prints_The_Line_Of_Peft(string model, string line, string method, params string[] settings)
    {
        string[] set = [.. settings.SelectMany(s => new[] { "--set", s })];
        Assert.Equal(line, Peft.Run(["info", "--config", Config(model), "--method", method, .. set]).Succeeds().Output.TrimEnd());
    }

    [Fact]
    public void Counts_The_Model_Alone_And_Writes_Json()
    {
        Assert.StartsWith(
            "6,738,415,616 weights (llama, CausalLanguage)", Peft.Run("info", "--config", Config("llama-2-7b")).Succeeds().Output,
            StringComparison.Ordinal);
        var json = Peft.Run("info", "--config", Config("gpt2-medium"), "--method", "lora", "--set", "r=8", "--json").Succeeds().Json;
        Assert.Equal(786_432, json["trainable"]!.GetValue<long>());
        Assert.Equal(355_609_600, json["all"]!.GetValue<long>());
    }

    [Fact]
    public void Says_What_Is_Missing_Or_Too_Much()
    {
        Assert.Contains("--config", Peft.Run("info").Fails(2));
        Assert.Contains("not both", Peft.Run("info", "model", "--config", Config("llama-2-7b")).Fails(2));
        Assert.Contains("--method", Peft.Run("info", "--config", Config("llama-2-7b"), "--set", "r=8").Fails(2));
        Assert.Contains("--config", Peft.Run("info", "model", "--method", "lora").Fails(2));
        Assert.Contains("does not exist", Peft.Run("info", "--config", "nowhere.json").Fails(1));
    }

    private string Config(string model)
    {
        var file = _folder.File($"{model}.json");
        File.WriteAllText(
            file, JsonNode.Parse(File.ReadAllText(TestPaths.Fixture("parameter-counts.json")))!["models"]![model]!.ToJsonString());
        return file;
    }

    public void Dispose() => _folder.Dispose();
}
