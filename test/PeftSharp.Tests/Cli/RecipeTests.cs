using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>Runs written down in YAML.</summary>
public sealed class RecipeTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private string Write(string text)
    {
        var file = folder.File_($"{Guid.NewGuid():N}.yaml");
        File.WriteAllText(file, $"base_model: {folder.Model}\nmethod: lora\ntrain_file: {folder.Train}\ncompute: fp32\n{text}");
        return file;
    }

    [Fact]
    public void A_recipe_trains_and_options_win()
    {
        var recipe =
            Write("r: 2\nlora_alpha: 4.5\ntarget_modules: [query]\nlearning_rate: 1e-3\nmax_steps: 5\nper_device_train_batch_size: 8\n");
        Peft.Run("train", "--recipe", recipe, "--out", folder.File_("recipe"), "--max-steps", "2", "--set", "lora_alpha=6", "--quiet")
            .Succeeds();
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File_("recipe"), "run.json")))!;
        Assert.Equal(2, (int)run["steps"]!);
        Assert.Equal(1e-3, (double)run["settings"]!["learning_rate"]!);
        Assert.Equal(8, (int)run["settings"]!["per_device_train_batch_size"]!);
        var adapter = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File_("recipe"), "adapter_config.json")))!;
        Assert.Equal((2, 6.0, "query"), ((int)adapter["r"]!, (double)adapter["lora_alpha"]!, adapter["target_modules"]![0]!.ToString()));
    }

    [Theory]
    [InlineData("learning_rte: 1", "there is no key \"learning_rte\"", "did you mean \"learning_rate\"?")]
    [InlineData("lora_alhpa: 1", "there is no key \"lora_alhpa\"", "did you mean \"lora_alpha\"?")]
    [InlineData("num_train_epochs: some", "line 5: \"num_train_epochs\" is \"some\"", "expected a number above 0")]
    [InlineData("num_train_epochs: [1, 2]", "line 5: \"num_train_epochs\" holds a list", "expected a single value")]
    [InlineData("r: four", "the setting \"r\" of \"lora\" is \"four\"", "a whole number")]
    [InlineData("a: [1", "not valid YAML", "line")]
    public void A_key_that_is_wrong_is_named_with_its_file(string text, string expected, string also)
    {
        var recipe = Write(text + "\n");
        var error = Peft.Run("train", "--recipe", recipe, "--out", folder.File_("out")).Fails(2);
        Assert.Contains(recipe, error);
        Assert.Contains(expected, error);
        Assert.Contains(also, error);
    }
}
