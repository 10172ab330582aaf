namespace PeftSharp.Tests.Cli;

/// <summary>What an adapter does, told and drawn by the real program, and a full fine-tuning written as a LoRA.</summary>
public sealed class AnalyzeTests : IClassFixture<CliFolder>
{
    private readonly CliFolder _folder;

    public AnalyzeTests(CliFolder folder) => _folder = folder;

    [Fact]
    public void A_full_fine_tuning_is_analysed_drawn_cut_and_scored()
    {
        _folder.TrainTo("full", "--method", "full", "--max-steps", "20", "--lr", "1e-3").Succeeds();
        var (full, pictures) = (_folder.File_("full"), _folder.File_("pictures"));
        var text = Peft.Run("analyze", "--base", _folder.Model, "--adapter", full, "--with", full, "--out", pictures).Succeeds().Output;
        foreach (var part in (string[])["Changed matrices", "Which rank: linear maps", "Which rank: embeddings", "norms' scales", "nf4",
            "Directions shared"]) Assert.Contains(part, text);
        foreach (var file in (string[])["analysis.json", "spectrum.png", "norms.png", "overlap-input.png", "overlap-output.png"])
            Assert.True(new FileInfo(Path.Combine(pictures, file)).Length > 500, file);
        Assert.Contains("--overwrite", Peft.Run("analyze", "--base", _folder.Model, "--adapter", full, "--out", pictures).Fails(2));
        Assert.Contains(
            "which this run reads",
            Peft.Run("analyze", "--base", _folder.Model, "--adapter", full, "--out", _folder.Model, "--overwrite").Fails(2));

        var json = Peft.Run("analyze", "--base", _folder.Model, "--adapter", full, "--json").Succeeds().Json;
        Assert.Equal("FULL", json["method"]!.ToString());
        Assert.Equal(13, (int)json["groups"]!["maps"]!["matrices"]!); // two layers of six, and the pooler
        Assert.Equal(1, (double)json["groups"]!["maps"]!["energy_at_rank"]!["32"]!, 6);

        var cut = _folder.File_("full-r4");
        var energy = (double)Peft.Run("extract", "--base", _folder.Model, "--adapter", full, "--rank", "4", "--out", cut, "--json")
            .Succeeds().Json["energy"]!;
        Assert.InRange(energy, 0.2, 1);
        Peft.Run("verify", cut, "--base", _folder.Model).Succeeds();
        var whole = Peft.Run("eval", "--base", _folder.Model, "--adapter", full, "--data", _folder.Dev, "--json").Succeeds().Json;
        Peft.Run("extract", "--base", _folder.Model, "--adapter", full, "--rank", "32", "--out", cut, "--overwrite").Succeeds();
        var same = Peft.Run("eval", "--base", _folder.Model, "--adapter", cut, "--data", _folder.Dev, "--json").Succeeds().Json;
        Assert.Equal((double)whole["metrics"]!["loss"]!, (double)same["metrics"]!["loss"]!, 4);
    }

    [Fact]
    public void Gates_are_told_by_layer_and_text()
    {
        _folder.TrainTo("gated", "--method", "unipelt", "--max-steps", "2", "--format", "adapterhub").Succeeds();
        string[] common = ["analyze", "--base", _folder.Model, "--adapter", _folder.File_("gated"), "--data", _folder.Dev, "--take", "5"];
        var result = Peft.Run([.. common, "--out", _folder.File_("gates")]).Succeeds();
        Assert.Contains("Gates, over 5 texts", result.Output);
        Assert.True(new FileInfo(Path.Combine(_folder.File_("gates"), "gates.png")).Length > 500);
        var gates = Peft.Run([.. common, "--json"]).Succeeds().Json["gates"]!.AsArray();
        // Of each of two layers a prefix, a bottleneck, and LoRAs at the queries' and the values' map.
        Assert.Equal(2 * 4, gates.Count);
        Assert.Equal(["bottleneck", "lora", "prefix"], gates.Select(g => $"{g!["method"]}").Distinct().Order());
        Assert.All(gates, g => Assert.Equal(5, g!["values"]!.AsArray().Count));
        Assert.All(gates, g => Assert.All(g!["values"]!.AsArray(), v => Assert.InRange((double)v!, 0, 1)));
        _folder.TrainTo("plain", "--max-steps", "1").Succeeds();
        string[] plain = ["analyze", "--base", _folder.Model, "--adapter", _folder.File_("plain"), "--data", _folder.Dev];
        Assert.Contains("has no gates", Peft.Run(plain).Fails(1));
    }

    [Fact]
    public void What_experts_count_is_told_by_text()
    {
        _folder.TrainTo("experts", "--method", "xlora", "--set", "num_experts=3", "layerwise_scalings=true", "--max-steps", "2").Succeeds();
        var result = Peft.Run(
            "analyze", "--base", _folder.Model, "--adapter", _folder.File_("experts"), "--data", _folder.Dev, "--take", "4", "--json");
        var gates = result.Succeeds().Json["gates"]!.AsArray();
        // Three experts at the queries and the values of two layers.
        Assert.Equal(3 * 2 * 2, gates.Count);
        Assert.Equal([0, 1], gates.Select(g => (int)g!["layer"]!).Distinct().Order());
        Assert.All(gates, g => Assert.Equal("xlora", (string)g!["method"]!));
        Assert.All(
            gates.GroupBy(g => ((string)g!["place"]!).Split(" (expert ")[0]),
            map => Assert.Equal(1, map.Sum(g => (double)g!["values"]![3]!), 1e-5));
    }

    [Fact]
    public void A_prefix_has_no_matrix_and_is_told_so()
    {
        Peft.Run(
            "train", "--base", _folder.Model, "--method", "prefix", "--set", "num_virtual_tokens=4", "--data", _folder.Train, "--out",
            _folder.File_("prefix"), "--max-steps", "2", "--compute", "fp32")
            .Succeeds();
        var text = Peft.Run("analyze", "--base", _folder.Model, "--adapter", _folder.File_("prefix")).Succeeds().Output;
        Assert.Contains("4 keys and values before the tokens' own", text);
        Assert.DoesNotContain("Which rank: linear maps", text);
        Assert.Contains(
            "not a change of weights",
            Peft.Run(
                "extract", "--base", _folder.Model, "--adapter", _folder.File_("prefix"), "--rank", "2", "--out", _folder.File_("never"))
                .Fails(1));
        Assert.False(Directory.Exists(_folder.File_("never")));
        Assert.Contains(
            "--rank is \"0\"",
            Peft.Run("extract", "--base", _folder.Model, "--adapter", "x", "--rank", "0", "--out", _folder.File_("never")).Fails(2));
    }

    [Fact]
    public void Sparse_adapters_are_counted_by_layer_and_compared()
    {
        _folder.TrainTo("fish", "--method", "lora|fish", "--set", "fish.keep=0.05", "lora.r=2", "--max-steps", "4").Succeeds();
        _folder.TrainTo("ticket", "--method", "lt-sft", "--set", "keep=0.05", "--max-steps", "6").Succeeds();
        var (fish, ticket, pictures) = (_folder.File_("fish"), _folder.File_("ticket"), _folder.File_("kept"));
        string[] both = ["analyze", "--base", _folder.Model, "--adapter", ticket, "--with", fish];
        var text = Peft.Run([.. both, "--out", pictures]).Succeeds().Output;
        foreach (var part in (string[])["Single weights that the adapter changes", "encoder.layer.1", "attention.self.query", "by chance"])
            Assert.Contains(part, text);
        foreach (var file in (string[])["changed-weights.png", "common-weights.png"])
            Assert.True(new FileInfo(Path.Combine(pictures, file)).Length > 500, file);
        var json = Peft.Run([.. both, "--json"]).Succeeds().Json;
        var (changed, common) = (json["changed_weights"]!.AsArray(), json["common_weights"]!.AsArray());
        Assert.Equal((long)(0.05 * changed.Sum(p => (long)p!["of"]!)), changed.Sum(p => (long)p!["changed"]!));
        Assert.Equal(changed.Sum(p => (long)p!["changed"]!), common.Sum(p => (long)p!["first"]!));
        Assert.InRange(common.Sum(p => (long)p!["both"]!), 1, common.Sum(p => (long)p!["second"]!));
    }
}
