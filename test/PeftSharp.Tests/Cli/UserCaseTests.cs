using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>What users met: labels, poolers and fields about the head that did not travel.</summary>
public sealed class UserCaseTests : IDisposable
{
    private readonly string _root = TestPaths.Temporary("peftsharp-cases-");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string At(string name) => Path.Combine(_root, name);

    private JsonNode Config(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(At(name), "config.json")))!;

    private static string Case(params string[] parts) => TestPaths.RequireShared(["user-cases", .. parts]);

    private static double Accuracy(params string[] args) =>
        (double)Peft.Run(["eval", .. args, "--json"]).Succeeds().Json["metrics"]!["accuracy"]!;

    [Fact]
    public void A_pooler_that_the_base_lacks_is_saved_with_the_adapter()
    {
        var (basis, rows) = (Case("no-pooler", "mlm"), Case("no-pooler", "rows.jsonl"));
        var trained = Peft.Run(
            "train", "--base", basis, "--method", "lora", "--data", rows, "--eval-data", rows, "--max-steps", "80", "--lr", "1e-2",
            "--seed", "7", "--compute", "fp32", "--out", At("run"), "--json").Succeeds();
        Assert.Contains("has no pooler", trained.Error);
        Assert.Equal(1.0, (double)trained.Json["metrics"]!["accuracy"]!);
        Assert.Equal(
            ["classifier", "score", "pooler"],
            JsonNode.Parse(File.ReadAllText(Path.Combine(At("run"), "adapter_config.json")))!["modules_to_save"]!
                .AsArray()
                .Select(m => m!.ToString()));
        File.Delete(Path.Combine(At("run"), "run.json"));
        Assert.Equal(1.0, Accuracy("--base", basis, "--adapter", At("run"), "--data", rows));
        Peft.Run("merge", "--base", basis, "--adapter", At("run"), "--out", At("merged")).Succeeds();
        Assert.Equal(1.0, Accuracy("--base", At("merged"), "--data", rows));
    }

    [Fact]
    public void The_order_of_the_bases_own_head_holds()
    {
        var (basis, rows) = (Case("head-label-order", "base"), Case("head-label-order", "rows.jsonl"));
        var trained = Peft.Run(
            "train", "--base", basis, "--method", "lora", "--data", rows, "--eval-data", rows, "--max-steps", "1", "--out", At("run"),
            "--json")
            .Succeeds();
        Assert.Equal(1.0, (double)trained.Json["metrics"]!["accuracy"]!);
        Assert.Equal(["positive", "negative"], trained.Json["labels"]!.AsArray().Select(l => l!.ToString()));
        Assert.Equal(1.0, Accuracy("--base", basis, "--adapter", At("run"), "--data", rows));
    }

    [Fact]
    public void A_head_with_other_names_is_drawn_anew_and_said_aloud()
    {
        var (basis, rows) = (Case("head-label-order", "base"), Case("merge-stale-head-config", "rows.jsonl"));
        var trained =
            Peft.Run("train", "--base", basis, "--method", "lora", "--data", rows, "--max-steps", "1", "--out", At("run")).Succeeds();
        Assert.Contains("answers positive, negative; for neg, pos a new one is drawn", trained.Error);
    }

    [Theory]
    [InlineData("regression")]
    [InlineData("numlabels")]
    public void Fields_about_the_head_follow_the_head(string name)
    {
        var (basis, rows) = (Case("merge-stale-head-config", name), Case("merge-stale-head-config", "rows.jsonl"));
        Peft.Run("train", "--base", basis, "--method", "lora", "--data", rows, "--max-steps", "2", "--compute", "fp32", "--out", At("run"))
            .Succeeds();
        Peft.Run("merge", "--base", basis, "--adapter", At("run"), "--out", At("merged")).Succeeds();
        var config = Config("merged");
        Assert.Equal("single_label_classification", config["problem_type"]!.ToString());
        Assert.False(config.AsObject().ContainsKey("num_labels"));
        Assert.Equal(["neg", "pos"], config["id2label"]!.AsObject().Select(l => l.Value!.ToString()));
        Assert.Equal(["neg", "pos"], config["label2id"]!.AsObject().Select(l => l.Key));
        var (merged, beside) = (
            Peft.Run("predict", "--base", At("merged"), "--data", rows).Succeeds(),
            Peft.Run("predict", "--base", basis, "--adapter", At("run"), "--data", rows).Succeeds());
        var pairs = merged.Output.Split('\n').Zip(beside.Output.Split('\n')).Where(p => p.First.Length > 0);
        Assert.All(
            pairs,
            p => Assert.Equal((double)JsonNode.Parse(p.Second)!["probability"]!, (double)JsonNode.Parse(p.First)!["probability"]!, 5));
    }

    [Fact]
    public void Several_classes_at_once_have_a_sigmoid_each()
    {
        var basis = Case("multi-label", "base");
        var first = JsonNode.Parse(
            Peft.Run("predict", "--base", basis, "--data", Case("multi-label", "rows.jsonl")).Succeeds().Output.Split('\n')[0])!;
        foreach (var (label, probability) in new[] { ("toxic", 0.3530), ("insult", 0.2092), ("threat", 0.6484) })
            Assert.Equal(probability, (double)first["probabilities"]![label]!, 4);
        Assert.Equal(["threat"], first["labels"]!.AsArray().Select(l => l!.ToString()));
        Assert.Contains(
            "none of the known ones ('toxic'",
            Peft.Run("eval", "--base", basis, "--data", Case("merge-stale-head-config", "rows.jsonl")).Fails(1));
        Assert.Contains(
            "a new one is drawn",
            Peft.Run(
                "train", "--base", basis, "--method", "lora", "--data", Case("merge-stale-head-config", "rows.jsonl"), "--max-steps", "1",
                "--out", At("run"))
                .Succeeds().Error);
    }

    [Fact]
    public void Classes_of_one_name_are_told_apart()
    {
        var answer =
            Peft.Run("predict", "--base", Case("same-name-twice", "base"), "--data", Case("same-name-twice", "rows.jsonl"), "--json")
            .Succeeds().Json[0]!;
        var probabilities = answer["probabilities"]!.AsObject();
        Assert.Equal(["crane (0)", "heron", "crane (2)"], probabilities.Select(p => p.Key));
        foreach (var (value, expected) in probabilities.Select(p => (double)p.Value!).Zip([0.0053, 0.9946, 0.0000]))
            Assert.Equal(expected, value, 4);
        Assert.Equal("heron", answer["label"]!.ToString());
    }

    [Fact]
    public void Settings_beside_the_tokenizer_change_the_answer()
    {
        var answer = Peft.Run("predict", "--base", Case("add-prefix-space", "base"), "--text", "good film", "--json").Succeeds().Json[0]!;
        foreach (var (value, expected) in answer["probabilities"]!.AsObject().Select(p => (double)p.Value!).Zip([0.3030, 0.1009, 0.5961]))
            Assert.Equal(expected, value, 3);
    }

    [Fact]
    public void A_head_in_the_flexible_layout_answers_with_its_names()
    {
        var basis = TestPaths.RequireShared("fixtures", "models", "bert");
        var adapter = Case("flexible-head", "flex");
        var answer = Peft.Run("predict", "--base", basis, "--adapter", adapter, "--data", Case("flexible-head", "rows.jsonl"), "--json")
            .Succeeds().Json[0]!;
        Assert.Equal(0.4947, (double)answer["probabilities"]!["negative"]!, 4);
        Assert.Equal(0.5053, (double)answer["probabilities"]!["positive"]!, 4);
    }

    [Fact]
    public void Norms_named_gamma_and_beta_are_merged()
    {
        var (basis, adapter) = (Case("gamma-beta", "base"), Case("gamma-beta", "adapter"));
        Assert.Contains(
            "merged answers equal", Peft.Run("merge", "--base", basis, "--adapter", adapter, "--out", At("merged")).Succeeds().Output);
        Peft.Run("info", adapter, "--base", basis).Succeeds();
    }

    [Fact]
    public void Rows_that_are_read_alike_by_every_way_in()
    {
        var basis = Case("add-prefix-space", "base");
        Peft.Run(
            "predict", "--base", basis, "--data", Case("rows", "blank-row.csv"), "--skip-bad-rows", "--out", At("out.csv"), "--keep", "id")
            .Succeeds();
        Assert.Equal(
            ["row,line,id", "0,2,100", "2,4,102"], File.ReadLines(At("out.csv")).Select(line => string.Join(',', line.Split(',').Take(3))));
        string[] blanks =
        [
            Peft.Run("predict", "--base", basis, "--data", Case("rows", "blank-text.csv")).Fails(1),
            Peft.Run("predict", "--base", basis, "--text", " ").Fails(1),
            Peft.RunWith("good\n\nbad\n", "predict", "--base", basis).Fails(1),
        ];
        Assert.All(
            blanks,
            sentence =>
                Assert.Contains(
                    "is empty; correct the row, skip bad rows (--skip-bad-rows), or allow blank texts (--allow-blank).", sentence));
        Assert.Contains(
            "semicolons separate", Peft.Run("predict", "--base", basis, "--data", Case("rows", "semicolon.csv")).Succeeds().Error);
        Assert.Contains(
            "--header", Peft.Run("predict", "--base", basis, "--data", Case("rows", "header.csv"), "--text-column", "1").Fails(1));
    }
}
