namespace PeftSharp.Tests.Cli;

/// <summary>Help, version, the registry and the reference cases.</summary>
public sealed class HelpTests
{
    [Theory]
    [InlineData("train")]
    [InlineData("eval")]
    [InlineData("predict")]
    [InlineData("merge")]
    [InlineData("info")]
    [InlineData("methods")]
    [InlineData("conformance")]
    public void The_help_of_a_verb_ends_with_examples(string verb)
    {
        Assert.Contains($"  {verb} ", Peft.Run("--help").Succeeds().Output);
        var lines = Peft.Run(verb, "--help").Succeeds().Output.TrimEnd().Split('\n');
        Assert.StartsWith($"  peft {verb}", lines[^1]);
        Assert.Contains(lines, l => l.Trim() == "Examples:");
    }

    [Fact]
    public void Every_method_is_listed_and_tells_its_settings()
    {
        var all = Peft.Run("methods", "--json").Succeeds().Json.AsArray();
        Assert.Equal(PeftSharp.Methods.MethodRegistry.All.Select(m => m.Name), all.Select(m => m!["name"]!.ToString()));
        var lora = Peft.Run("methods", "lora", "--json").Succeeds().Json;
        var rank = lora["settings"]!.AsArray().Single(s => s!["name"]!.ToString() == "r")!;
        Assert.Equal(8, (int)rank["default"]!);
        Assert.Contains("Rank", rank["help"]!.ToString());
    }

    [Fact]
    public void A_case_that_cannot_run_has_failed()
    {
        using var folder = new Checkpoints.TempFolder();
        Directory.CreateDirectory(folder.File("empty"));
        var result = Peft.Run("conformance", folder.Root, "--json");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(1, (int)result.Json["failed"]!);
        Assert.Contains("case.json", result.Json["cases"]![0]!["failure"]!.ToString());
    }
}
