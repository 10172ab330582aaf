using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>A run whose trunk is cached.</summary>
public sealed class CacheTrunkTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private JsonNode Run(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File_(name), "run.json")))!;

    private byte[] Adapter(string name) => File.ReadAllBytes(Path.Combine(folder.File_(name), "adapter_model.safetensors"));

    // The base has no dropout, and the first epoch's batches are composed as the trunk's were.
    [Theory]
    [InlineData("lora", 1, false, "the embeddings and the lowest 1 of 2 layers", "--set", "layers_to_transform=[1]")]
    [InlineData("head", 2, true, "the embeddings and all 2 layers, and the pooler,")]
    public void Writes_The_Very_Adapter_And_Says_What_It_Did(string method, int layers, bool pooler, string told, params string[] more)
    {
        Peft.Result Train(string name, params string[] also) => Peft.Run(
            ["train", "--base", folder.Model, "--method", method, "--data", folder.Train, "--eval-data", folder.Dev, "--out",
                folder.File_($"{method}-{name}"),
                "--epochs", "1", "--tokens-per-pass", "40", "--lr", "2e-2", "--compute", "fp32", .. more, .. also]).Succeeds();
        Train("again");
        var error = Train("once", "--cache-trunk", "--cache", folder.File_("cache")).Error;
        Assert.Equal(Adapter($"{method}-again"), Adapter($"{method}-once"));
        var (again, once) = (Run($"{method}-again"), Run($"{method}-once"));
        Assert.Equal(again["metrics"]!.ToJsonString(), once["metrics"]!.ToJsonString());
        Assert.Null(again["trunk"]);
        var trunk = once["trunk"]!;
        Assert.Equal(
            (layers, 2, pooler, false), ((int)trunk["layers"]!, (int)trunk["of_layers"]!, (bool)trunk["pooler"]!, (bool)trunk["dropout"]!));
        var vectors = method == "head" ? 64 + 24 : (long)once["data"]!["train"]!["tokens"]! + (long)once["data"]!["eval"]!["tokens"]!;
        Assert.Equal(vectors * 32 * sizeof(float), (long)trunk["bytes"]!);
        Assert.True((double)trunk["build_seconds"]! > 0);
        Assert.True((bool)once["settings"]!["cache_trunk"]!);
        var lines = error.Split('\n').Where(l => l.StartsWith("trunk: ", StringComparison.Ordinal)).ToList();
        Assert.Contains(told, lines[0]);
        Assert.Contains($"in {folder.File_("cache")}, ", lines[0]);
        Assert.Contains("dropout inside them is off", lines[0]);
        Assert.Contains("88 rows in ", lines[1]);
        Assert.Empty(Directory.GetFileSystemEntries(folder.File_("cache")));
    }

    [Fact]
    public void A_Run_Without_A_Trunk_Or_A_Place_For_It_Is_Refused_And_Leaves_Nothing()
    {
        var before = folder.Entries;
        var result = folder.TrainTo("none", "--cache-trunk");
        Assert.Contains("acts at the linear map bert.encoder.layer.0.attention.self.query, in the first layer", result.Error);
        Assert.Equal(1, result.ExitCode);
        var cache = Path.Combine(folder.Train, "cache");
        result = folder.TrainTo("none", "--cache-trunk", "--cache", cache, "--set", "layers_to_transform=[1]");
        Assert.Contains($"The trunk's activations cannot be kept in {cache}: ", result.Error);
        Assert.DoesNotContain("   at ", result.Error);
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(before, folder.Entries);
    }

    [Fact]
    public void A_Recipe_Asks_For_It_By_Its_Key()
    {
        var recipe = folder.File_("trunk.yaml");
        File.WriteAllText(
            recipe,
            $"base_model: {folder.Model}\nmethod: head\ntrain_file: {folder.Train}\ncompute: fp32\nmax_steps: 2\ncache_trunk: true\n");
        Peft.Run("train", "--recipe", recipe, "--out", folder.File_("recipe"), "--quiet").Succeeds();
        Assert.Equal(64L * 32 * sizeof(float), (long)Run("recipe")["trunk"]!["bytes"]!);
    }
}
