using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Hub;
using PeftSharp.Metrics;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Cli;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs;

/// <summary>
/// Pooling, labels and length travel with what is written, with no run.json beside it; what Python would answer otherwise, it is not given.
/// </summary>
public sealed class PooledArtefactTests(PooledArtefactTests.Trained trained) : IClassFixture<PooledArtefactTests.Trained>
{
    private readonly CliFolder _folder = trained.Folder;

    private string Adapter => _folder.File_("mean");

    private string Merged => _folder.File_("merged");

    private static JsonObject Json(params string[] path) => JsonNode.Parse(File.ReadAllText(Path.Combine(path)))!.AsObject();

    private float[] Logits(LoadedModel model)
    {
        var rows = TokenizedDataset.Create(TextDataset.Load(_folder.Dev), new TokenizerTextEncoder(model.Tokenizer()!), model.MaxLength());
        return new Evaluator(model.Model, model.Selection, rows).Outputs().Values.ToArray();
    }

    private static void Equal(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], tolerance);
    }

    [Fact]
    public void The_adapter_answers_as_it_was_trained_and_peft_refuses_its_task()
    {
        Assert.Equal("SEQ_CLS_MEAN_POOLING", Json(Adapter, "adapter_config.json")["task_type"]!.ToString());
        Assert.Contains("pooling mean", trained.Result.Error);
        var model = LoadedModel.Open(_folder.Model, Adapter);
        Assert.Equal((Pooling.Mean, 32), (model.Model.Model.Card.Pooling, model.MaxLength()));
        Assert.Equal("SEQ_CLS", model.Adapter!.Options.TaskType);
        var rows = TokenizedDataset.Create(TextDataset.Load(_folder.Dev), new TokenizerTextEncoder(model.Tokenizer()!), model.MaxLength());
        var score = new Evaluator(model.Model, model.Selection, rows, MetricSet.For(rows.Data)).Evaluate();
        Assert.Equal((double)trained.Result.Json["metrics"]!["loss"]!, score.Values["loss"], 5);
    }

    [Fact]
    public void The_merged_model_is_laid_out_for_sentence_transformers()
    {
        var config = Json(Merged, "config.json");
        Assert.Equal("BertModel", config["architectures"]![0]!.ToString());
        Assert.False(config.ContainsKey("id2label") || config.ContainsKey("problem_type") || config.ContainsKey("num_labels"));
        var modules = JsonNode.Parse(File.ReadAllText(Path.Combine(Merged, "modules.json")))!.AsArray();
        Assert.Equal(["", "1_Pooling", "2_Dense"], modules.Select(m => m!["path"]!.ToString()));
        Assert.Equal(
            ["Transformer", "Pooling", "Dense"],
            modules.Select(m => m!["type"]!.ToString().Replace("sentence_transformers.models.", "", StringComparison.Ordinal)));
        Assert.Equal(
            ["pooling_mode_mean_tokens"],
            Json(Merged, "1_Pooling", "config.json").Where(
                p => p.Key.StartsWith("pooling_mode", StringComparison.Ordinal) && (bool)p.Value!)
                .Select(p => p.Key));
        Assert.Equal("torch.nn.modules.linear.Identity", Json(Merged, "2_Dense", "config.json")["activation_function"]!.ToString());
        Assert.Equal(32, (int)Json(Merged, "sentence_bert_config.json")["max_seq_length"]!);
        using var weights = SafetensorsFile.Open(Path.Combine(Merged, "model.safetensors"));
        Assert.DoesNotContain(
            weights.Tensors.Keys,
            k => k.Contains("classifier", StringComparison.Ordinal) || k.StartsWith("bert.", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_back_it_answers_as_the_adapter_did_and_so_do_its_files_by_hand()
    {
        var (beside, merged) = (Logits(LoadedModel.Open(_folder.Model, Adapter)), Logits(LoadedModel.Open(Merged)));
        Equal(beside, merged, 1e-5);
        Assert.Equal(["negative", "positive"], LoadedModel.Open(Merged).Labels);

        // As sentence-transformers computes it: the bare model, the mean of its tokens, the linear map.
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var bare = ModelLoader.Load(Merged, new() { Task = TaskKind.Embedding });
        var rows =
            TokenizedDataset.Create(TextDataset.Load(_folder.Dev), new TokenizerTextEncoder(LoadedModel.TokenizerOf(Merged, null)!), 32);
        using var dense = SafetensorsFile.Open(Path.Combine(Merged, "2_Dense", "model.safetensors"));
        using var batch = rows.CreateBatch([.. Enumerable.Range(0, rows.Count)]);
        var byHand =
            nn.functional.linear(bare.Forward(batch, new ForwardContext()).Logits, dense.Read("linear.weight"), dense.Read("linear.bias"));
        Equal(beside, byHand.data<float>().ToArray(), 1e-5);
    }

    [Fact]
    public void An_upload_takes_pooling_and_head_along()
    {
        var names = PeftSharp.Hub.HubUpload.FilesOf(Merged).Select(f => f.Name).ToList();
        foreach (var name in (string[])["modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors",
            "sentence_bert_config.json", "model.safetensors"])
            Assert.Contains(name, names);
    }

    [Fact]
    public void In_four_bits_it_keeps_its_pooling_and_its_head()
    {
        var packed = _folder.File_("packed");
        Peft.Run("quantize", "--base", Merged, "--out", packed).Succeeds();
        var model = LoadedModel.Open(packed);
        Assert.Equal((Pooling.Mean, 32), (model.Model.Model.Card.Pooling, model.MaxLength()));
        Equal(Logits(LoadedModel.Open(Merged)), Logits(model), 2);
        model.RequireHead();
    }

    [Fact]
    public void A_predictor_answers_as_the_command_line_does()
    {
        using var predictor = Predictor.Load(Adapter);
        Assert.Equal(["negative", "positive"], predictor.Labels);
        var line = JsonNode.Parse(
            Peft.Run("predict", "--base", _folder.Model, "--adapter", Adapter, "--text", "the film is very good").Succeeds().Output)!;
        var answer = predictor.Predict("the film is very good");
        Assert.Equal(line["label"]!.ToString(), answer.Label);
        Assert.Equal((double)line["probability"]!, answer.Probability, 5);
        Assert.Equal(1, answer.Probabilities.Sum(p => p.Value), 9);
        Assert.Equal([answer.Label, "negative"], predictor.Predict(["the film is very good", "the song is awful"]).Select(a => a.Label));
        Assert.Contains("single texts", Assert.Throws<PeftException>(() => predictor.Predict("a film", "a book")).Message);
        Assert.Contains("blank", Assert.Throws<PeftException>(() => predictor.Predict(" ")).Message);
        Assert.Contains("line 2: the text is blank", Assert.Throws<PeftException>(() => predictor.Predict(["a film", ""])).Message);
        Assert.Contains("half of a surrogate pair", Assert.Throws<PeftException>(() => predictor.Predict("a film \ud83c")).Message);
        Assert.NotNull(predictor.Predict("the film \ud83c\udfac").Label);
        using var merged = Predictor.Load(Merged);
        Assert.Equal(answer.Probability, merged.Predict("the film is very good").Probability, 5);
    }

    [Fact]
    public void A_folder_of_an_earlier_version_is_read_by_its_report()
    {
        var earlier = Directory.CreateDirectory(_folder.File_("earlier")).FullName;
        using (var file = SafetensorsFile.Open(Path.Combine(Adapter, "adapter_model.safetensors")))
            SafetensorsWriter.Write(
                Path.Combine(earlier, "adapter_model.safetensors"), file.Tensors.Keys.Select(k => KeyValuePair.Create(k, file.Read(k))),
                new Dictionary<string, string> { ["format"] = "pt" });
        File.WriteAllText(
            Path.Combine(earlier, "adapter_config.json"),
            File.ReadAllText(Path.Combine(Adapter, "adapter_config.json")).Replace("_MEAN_POOLING", "", StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(earlier, "run.json"), trained.Result.Output);
        var model = LoadedModel.Open(_folder.Model, earlier);
        Assert.Equal((Pooling.Mean, 32), (model.Model.Model.Card.Pooling, model.MaxLength()));
        Equal(Logits(LoadedModel.Open(_folder.Model, Adapter)), Logits(model), 0);
    }

    [Fact]
    public void Files_that_contradict_each_other_are_refused_and_a_report_that_does_is_remarked()
    {
        string Copy(string name, string from, string to)
        {
            var copy = Directory.CreateDirectory(_folder.File_(name)).FullName;
            foreach (var file in Directory.GetFiles(Adapter)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            File.Delete(Path.Combine(copy, "peft_proof.json")); // which would tell first
            var settings = Path.Combine(copy, "adapter_config.json");
            File.WriteAllText(settings, File.ReadAllText(settings).Replace(from, to, StringComparison.Ordinal));
            return copy;
        }
        Assert.Contains(
            "task_type",
            Assert.Throws<PeftException>(
                () => LoadedModel.Open(_folder.Model, Copy("other-task", "SEQ_CLS_MEAN_POOLING", "TOKEN_CLS"))).Message);
        Assert.Contains(
            "Cls pooling",
            Assert.Throws<PeftException>(
                () => LoadedModel.Open(_folder.Model, Copy("other-pooling", "SEQ_CLS_MEAN_POOLING", "SEQ_CLS_CLS_POOLING"))).Message);
        var reported = Copy("other-report", "-", "-");
        File.WriteAllText(
            Path.Combine(reported, "run.json"), trained.Result.Output.Replace("\"mean\"", "\"cls\"", StringComparison.Ordinal));
        Assert.Contains("another pooling (cls)", Assert.Single(LoadedModel.Open(_folder.Model, reported).Remarks));
    }

    [Theory]
    [InlineData("[{\"idx\":0,\"path\":\"../elsewhere\",\"type\":\"sentence_transformers.models.Dense\"}]")]
    [InlineData("[{\"idx\":0,\"path\":\"/etc\",\"type\":\"sentence_transformers.models.Pooling\"}]")]
    [InlineData("[{\"idx\":0,\"path\":3,\"type\":\"sentence_transformers.models.Pooling\"}]")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("[[[[[[[[[[[]]]]]]]]]]]")]
    [InlineData("[3]")]
    [InlineData("")]
    public void Modules_that_are_none_are_refused_with_a_sentence(string json)
    {
        var copy = Directory.CreateDirectory(_folder.File_($"modules-{json.Length}-{(uint)json.GetHashCode()}")).FullName;
        File.Copy(Path.Combine(Merged, "config.json"), Path.Combine(copy, "config.json"));
        File.Copy(Path.Combine(Merged, "model.safetensors"), Path.Combine(copy, "model.safetensors"));
        File.WriteAllText(Path.Combine(copy, "modules.json"), json);
        Assert.Contains("modules.json", Assert.Throws<PeftException>(() => ModelLoader.Load(copy)).Message);
    }

    /// <summary>A mean-pooled adapter and its merged model, each without a report beside it.</summary>
    public sealed class Trained : IDisposable
    {
        public Trained()
        {
            Result = Folder.TrainTo("mean", "--pooling", "mean", "--max-length", "32", "--epochs", "4", "--json").Succeeds();
            File.Delete(Path.Combine(Folder.File_("mean"), "run.json"));
            Peft.Run("merge", "--base", Folder.Model, "--adapter", Folder.File_("mean"), "--out", Folder.File_("merged")).Succeeds();
        }

        public CliFolder Folder { get; } = new();

        internal Peft.Result Result { get; }

        public void Dispose() => Folder.Dispose();
    }
}
