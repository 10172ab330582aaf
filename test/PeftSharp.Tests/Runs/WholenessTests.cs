using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;
using PeftSharp.Training;

namespace PeftSharp.Tests.Runs;

/// <summary>Pairs stay pairs, nothing random passes for trained, and a file that holds more than is read is remarked.</summary>
public sealed class WholenessTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private string SaveTrained(string name, TextDataset data, AdapterFormat format, Pooling? pooling = null)
    {
        var model = new PeftModel(ModelLoader.Load(folder.Model, ModelOptions.For(data) with { Pooling = pooling }), folder.Model);
        MethodOptions options = format == AdapterFormat.Peft ? new LoraOptions() : MethodRegistry.Options("pfeiffer");
        var adapter = model.Add(options);
        var tokenizer = LoadedModel.TokenizerOf(folder.Model, null)!;
        var rows = TokenizedDataset.Create(data, new TokenizerTextEncoder(tokenizer), 24);
        using (
            var trainer = new Trainer(
                new TrainableAdapter(model, adapter), new PlannedBatches(rows, new BatchPlan(rows.Lengths, 8, BatchOrder.Shuffled, 1)),
                new TrainerOptions { MaxSteps = 2 }))
            trainer.Run();
        AdapterFolder.Save(adapter, folder.File_(name), format, tokenizer);
        return folder.File_(name);
    }

    [Fact]
    public void A_pair_adapter_answers_pairs_alone()
    {
        var file = folder.File_("pairs.tsv");
        File.WriteAllLines(
            file,
            Enumerable.Range(0, 16)
                .Select(i => $"the film is {(i % 2 == 0 ? "good" : "bad")}\tthe film is nice\t{(i % 2 == 0 ? "same" : "other")}")
                .Prepend("sentence1\tsentence2\tlabel"));
        var adapter = SaveTrained("of-pairs", TextDataset.Load(file), AdapterFormat.Peft);
        using var predictor = Predictor.Load(adapter);
        Assert.True(predictor.WantsPairs);
        Assert.NotNull(predictor.Predict("the film is good", "the film is nice").Label);
        var message = Assert.Throws<PeftException>(() => predictor.Predict("the film is good")).Message;
        Assert.Contains("trained on pairs of texts (columns \"sentence1\" and \"sentence2\" in training)", message);
        Assert.Contains(
            "pairs of texts", Peft.Run("predict", "--base", folder.Model, "--adapter", adapter, "--text", "the film is good").Fails(1));
    }

    [Theory]
    [InlineData(null, "model_head.safetensors", "pooled_head.safetensors")]
    [InlineData(Pooling.Mean, "pooled_head.safetensors", "model_head.safetensors")]
    public void A_head_that_AdapterHub_would_read_otherwise_has_a_file_of_its_own(Pooling? pooling, string there, string missing)
    {
        var adapter = SaveTrained($"hub-{pooling}", TextDataset.Load(folder.Train), AdapterFormat.AdapterHub, pooling);
        Assert.True(File.Exists(Path.Combine(adapter, there)));
        Assert.False(File.Exists(Path.Combine(adapter, missing)));
        var loaded = LoadedModel.Open(folder.Model, adapter);
        Assert.Equal(pooling ?? Pooling.Pooler, loaded.Model.Model.Card.Pooling);
        Assert.Equal(["negative", "positive"], loaded.Labels);
    }

    [Fact]
    public void A_base_without_a_trained_head_is_quantised_bare_and_never_written_with_a_drawn_one()
    {
        var headless = Directory.CreateDirectory(folder.File_("headless")).FullName;
        File.Copy(Path.Combine(folder.Model, "model.safetensors"), Path.Combine(headless, "model.safetensors"));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Model, "config.json")))!;
        config["architectures"] = new JsonArray("BertForSequenceClassification");
        File.WriteAllText(Path.Combine(headless, "config.json"), config.ToJsonString());
        var packed = folder.File_("headless-packed");
        Assert.Contains("no trained head", Peft.Run("quantize", "--base", headless, "--out", packed).Succeeds().Error);
        Assert.Equal("BertModel", ModelConfig.Read(packed).Json["architectures"]![0]!.ToString());
        Assert.Contains("no trained head", Peft.Run("predict", "--base", headless, "--text", "a film").Fails(1));
        Assert.Equal(["classifier.weight", "classifier.bias"], ModelLoader.Load(headless).Drawn);
        Assert.Empty(ModelLoader.Load(packed).Drawn);
    }

    [Fact]
    public void A_checkpoint_with_more_layers_than_its_configuration_is_remarked()
    {
        var shallow = Directory.CreateDirectory(folder.File_("shallow")).FullName;
        File.Copy(Path.Combine(folder.Model, "model.safetensors"), Path.Combine(shallow, "model.safetensors"));
        File.WriteAllText(
            Path.Combine(shallow, "config.json"),
            File.ReadAllText(Path.Combine(folder.Model, "config.json"))
                .Replace("\"num_hidden_layers\":2", "\"num_hidden_layers\":1", StringComparison.Ordinal));
        var remark = Assert.Single(ModelLoader.Load(shallow).Remarks);
        Assert.Contains("layers 0 to 1", remark);
        Assert.Contains("16 tensors", remark);
        Assert.Empty(ModelLoader.Load(folder.Model).Remarks);
    }

    [Theory]
    [InlineData("\"problem_type\":\"telepathy\"", "problem_type")]
    [InlineData("\"problem_type\":\"regression\",\"id2label\":{\"0\":\"a\",\"1\":\"b\"}", "several numbers")]
    [InlineData("\"peftsharp\":{\"version\":1,\"task\":\"regression\",\"pooling\":\"pooler\"},\"id2label\":{\"0\":\"a\",\"1\":\"b\"}",
        "Classification")]
    [InlineData("\"peftsharp\":{\"version\":1,\"task\":\"classification\",\"pooling\":\"pooler\",\"labels\":[\"b\",\"a\"]},"
        + "\"id2label\":{\"0\":\"a\",\"1\":\"b\"}", "id2label")]
    [InlineData("\"peftsharp\":3", "card")]
    public void A_configuration_that_contradicts_itself_is_refused(string fields, string word)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Model, "config.json")))!.AsObject();
        config["architectures"] = new JsonArray("BertForSequenceClassification");
        foreach (var (name, value) in JsonNode.Parse($"{{{fields}}}")!.AsObject()) config[name] = value?.DeepClone();
        Assert.Contains(word, Assert.Throws<PeftException>(() => ModelLoader.Create(ModelConfig.From(config), null, new())).Message);
    }
}
