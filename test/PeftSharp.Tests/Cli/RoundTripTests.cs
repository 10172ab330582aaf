using System.Text.Json.Nodes;
using PeftSharp.Files;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Cli;

/// <summary>Train, look, score, answer, merge, and answer again, with the real program.</summary>
public sealed class RoundTripTests(RoundTripTests.Trained trained) : IClassFixture<RoundTripTests.Trained>
{
    private readonly CliFolder _folder = trained.Folder;

    private string Adapter => _folder.File_("run");

    [Fact]
    public void Training_writes_adapter_tokenizer_log_curve_and_record()
    {
        Assert.Equal(0, trained.Result.ExitCode);
        foreach (
            var file in new[]
            {
                "adapter_config.json",
                "adapter_model.safetensors",
                "vocab.txt",
                "training_log.jsonl",
                "loss.png",
                "run.json",
            })
            Assert.True(new FileInfo(Path.Combine(Adapter, file)).Length > 0, file);
        Assert.Contains("trainable params: ", trained.Result.Output);
        Assert.Contains("without the head: trainable params: ", trained.Result.Output);
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(Adapter, "run.json")))!;
        Assert.Equal(["negative", "positive"], run["labels"]!.AsArray().Select(l => l!.ToString()));
        Assert.Equal("fp32", run["compute"]!["type"]!.ToString());
        Assert.True((double)run["metrics"]!["accuracy"]! > 0.9, run["metrics"]!.ToJsonString());
        Assert.True((long)run["peak_memory_bytes"]! > 1 << 20);
        Assert.Equal(
            (long)run["steps"]!, File.ReadLines(Path.Combine(Adapter, "training_log.jsonl")).Count(l => l.Contains("\"learning_rate\"")));
    }

    [Fact]
    public void Nothing_but_text_goes_into_a_pipe()
    {
        Assert.DoesNotContain('\e', trained.Result.Output + trained.Result.Error);
        Assert.DoesNotContain('\e', Peft.Run("methods").Succeeds().Output);
    }

    [Fact]
    public void Info_prints_the_line_of_peft()
    {
        var result = Peft.Run("info", Adapter, "--base", _folder.Model).Succeeds();
        // 2 layers × (query, value) × (32·8 + 8·32), and a head of 2·32 + 2 that counts twice.
        Assert.Matches(
            @"(?m)^trainable params: 2,114 \|\| all params: [0-9,]+ \|\| trainable%: [0-9]+\.[0-9]{4}$",
            result.Output.ReplaceLineEndings("\n"));
        var json = Peft.Run("info", Adapter, _folder.Model, "--base", _folder.Model, "--json").Succeeds().Json;
        Assert.Equal(2048, (long)json[0]!["parameters"]!["trainable_without_head"]!);
        Assert.Equal("lora", json[0]!["method"]!.ToString());
        Assert.Equal("bert", json[1]!["architecture"]!.ToString());
    }

    [Fact]
    public void Eval_equals_the_score_of_training()
    {
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(Adapter, "run.json")))!;
        var json = Peft.Run("eval", "--base", _folder.Model, "--adapter", Adapter, "--data", _folder.Dev, "--json").Succeeds().Json;
        Assert.Equal((double)run["metrics"]!["loss"]!, (double)json["metrics"]!["loss"]!, 5);
        Assert.Equal((double)run["metrics"]!["accuracy"]!, (double)json["metrics"]!["accuracy"]!, 9);
        Assert.Equal(24, json["confusion"]!.AsArray().Sum(row => row!.AsArray().Sum(n => (int)n!)));
    }

    [Fact]
    public void Predictions_come_in_the_order_of_the_rows_with_logits_beside()
    {
        var (answers, logits) = (_folder.File_("answers.jsonl"), _folder.File_("logits.safetensors"));
        Peft.Run("predict", "--base", _folder.Model, "--adapter", Adapter, "--data", _folder.Dev, "--out", answers, "--logits", logits)
            .Succeeds();
        var rows = File.ReadLines(answers).Select(l => JsonNode.Parse(l)!).ToList();
        var texts = File.ReadLines(_folder.Dev).Skip(1).Select(l => l.Split('\t')[0]).ToList();
        Assert.Equal(texts, rows.Select(r => r["text"]!.ToString()));
        using var file = SafetensorsFile.Open(logits);
        Assert.Equal([24, 2], file.Tensors["logits"].Shape);
        Assert.Equal(ScalarType.Float32, file.Tensors["logits"].ScalarType);
        using var values = file.Read("logits");
        var numbers = values.data<float>().ToArray();
        for (var i = 0; i < rows.Count; i++)
        {
            Assert.Equal(numbers[2 * i + 1] > numbers[2 * i] ? "positive" : "negative", rows[i]["label"]!.ToString());
            Assert.Equal(1 / (1 + Math.Exp(numbers[2 * i] - numbers[2 * i + 1])), (double)rows[i]["probabilities"]!["positive"]!, 5);
        }
    }

    [Fact]
    public void Texts_come_from_options_from_lines_and_as_token_ids()
    {
        string[] model = ["--base", _folder.Model, "--adapter", Adapter];
        var direct =
            Peft.Run(["predict", .. model, "--text", "the film is awful", "--text", "a good book", "--json"]).Succeeds().Json.AsArray();
        Assert.Equal(["negative", "positive"], direct.Select(r => r!["label"]!.ToString()));
        var lines = Peft.RunWith("the film is awful\na good book\n", ["predict", .. model]).Succeeds().Output;
        Assert.Equal(
            direct.Select(r => r!.ToJsonString()),
            lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!.ToJsonString()));
        // [CLS] the film is awful [SEP], by the numbers of the vocabulary.
        var ids = _folder.File_("ids.jsonl");
        File.WriteAllText(ids, """{"input_ids": [2, 6, 17, 7, 15, 3], "label": "negative"}""" + "\n");
        var answer = JsonNode.Parse(Peft.Run(["predict", .. model, "--data", ids]).Succeeds().Output)!;
        Assert.Equal((double)direct[0]!["probability"]!, (double)answer["probability"]!, 5);
    }

    [Fact]
    public void Tables_of_answers_have_a_head_and_a_line_a_row()
    {
        foreach (var (name, separator) in new[] { ("answers.tsv", '\t'), ("answers.csv", ',') })
        {
            Peft.Run(
                "predict", "--base", _folder.Model, "--adapter", Adapter, "--data", _folder.Dev, "--take", "3", "--out",
                _folder.File_(name))
                .Succeeds();
            var lines = File.ReadAllLines(_folder.File_(name));
            Assert.Equal(string.Join(separator, "row", "line", "label", "probability", "p(negative)", "p(positive)"), lines[0]);
            Assert.Equal(4, lines.Length);
        }
    }

    [Fact]
    public void A_merged_model_answers_as_the_adapter_did()
    {
        var merged = _folder.File_("merged");
        var json = Peft.Run("merge", "--base", _folder.Model, "--adapter", Adapter, "--out", merged, "--json").Succeeds().Json;
        Assert.InRange((double)json["largest_difference"]!, 0, 1e-4);
        var adapter = Peft.Run("eval", "--base", _folder.Model, "--adapter", Adapter, "--data", _folder.Dev, "--json").Succeeds().Json;
        var plain = Peft.Run("eval", "--base", merged, "--data", _folder.Dev, "--json").Succeeds().Json;
        Assert.Equal((double)adapter["metrics"]!["loss"]!, (double)plain["metrics"]!["loss"]!, 4);
        Assert.Equal(adapter["confusion"]!.ToJsonString(), plain["confusion"]!.ToJsonString());
        Assert.Contains("--overwrite", Peft.Run("merge", "--base", _folder.Model, "--adapter", Adapter, "--out", merged).Fails(2));
    }

    [Theory]
    [InlineData("--quantize", "nf4", "--double-quant")]
    [InlineData("--quantize", "fp4-double", "--block-size", "256")]
    [InlineData("--quantize", "int8")]
    public void An_adapter_of_a_base_of_few_bits_merges_into_the_weights_that_it_was_trained_on(params string[] quantized)
    {
        var name = quantized[1];
        _folder.TrainTo(name, [.. quantized, "--max-steps", "20"]).Succeeds();
        var (adapter, merged) = (_folder.File_(name), _folder.File_($"{name}-merged"));
        Peft.Run("merge", "--base", _folder.Model, "--adapter", adapter, "--out", merged).Succeeds();
        var before = Peft.Run("eval", "--base", _folder.Model, "--adapter", adapter, "--data", _folder.Dev, "--json").Succeeds().Json;
        var after = Peft.Run("eval", "--base", merged, "--data", _folder.Dev, "--json").Succeeds().Json;
        Assert.Equal((double)before["metrics"]!["loss"]!, (double)after["metrics"]!["loss"]!, 4);
    }

    [Fact]
    public void A_merged_model_is_written_in_few_bits_and_told_what_that_rounds_away()
    {
        var merged = _folder.File_("merged-int8");
        var result = Peft.Run(
            "merge", "--base", _folder.Model, "--adapter", Adapter, "--out", merged, "--dtype", "float32", "--quantize", "int8", "--json");
        var json = result.Succeeds().Json;
        Assert.InRange((double)json["output_error"]!, 1e-4, 0.02);
        Assert.True((double)json["update_error"]! > (double)json["output_error"]!);
        Assert.Contains("quantising to int8 is off by", result.Error);
        var adapter = Peft.Run("eval", "--base", _folder.Model, "--adapter", Adapter, "--data", _folder.Dev, "--json").Succeeds().Json;
        var plain = Peft.Run("eval", "--base", merged, "--data", _folder.Dev, "--json").Succeeds().Json;
        Assert.Equal((double)adapter["metrics"]!["loss"]!, (double)plain["metrics"]!["loss"]!, 0.05);
        Assert.Contains("--quantize is \"q4\"", Peft.Run(
            "merge", "--base", _folder.Model, "--adapter", Adapter, "--out", _folder.File_("x"), "--quantize", "q4").Fails(2));
    }

    /// <summary>One run that all tests look at.</summary>
    public sealed class Trained : IDisposable
    {
        public Trained() => Result = Folder.TrainTo("run");

        public CliFolder Folder { get; } = new();

        internal Peft.Result Result { get; }

        public void Dispose() => Folder.Dispose();
    }
}
