using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Formats;

/// <summary>
/// AdapterHub's flexible heads of other tasks than one class a text, in files with the names and fields that adapters 1.2.0 writes; their
/// answers are computed once more from the hidden states, by plain products.
/// </summary>
public sealed class FlexibleTaskHeadTests : IDisposable
{
    private const string Name = "mine";

    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    [Theory]
    [InlineData("multilabel_classification", TaskKind.MultiLabel, 2, "tanh", 3)]
    [InlineData("multilabel_classification", TaskKind.MultiLabel, 1, null, 1)]
    [InlineData("tagging", TaskKind.TokenClassification, 1, "tanh", 3)]
    [InlineData("tagging", TaskKind.TokenClassification, 2, "relu", 4)]
    [InlineData("question_answering", TaskKind.QuestionAnswering, 1, "tanh", 2)]
    [InlineData("question_answering", TaskKind.QuestionAnswering, 2, "gelu", 2)]
    public void A_Head_Answers_As_Its_Maps_Say_And_Is_Written_Again(string type, TaskKind task, int layers, string? activation, int outputs)
    {
        var maps = Write(type, layers, activation, outputs);
        using var loaded = LoadedModel.Open(Base("bert"), _folder.Root);
        Assert.Equal(task, loaded.Model.Model.Head.Kind);
        if (task != TaskKind.QuestionAnswering) Assert.Equal(Enumerable.Range(0, outputs).Select(i => $"name {i}"), loaded.Labels);
        using var batch = TinyRows();
        var output = loaded.Model.Model.Forward(batch, new ForwardContext { Selection = loaded.Selection, AllTokens = true });
        var x = output.Hidden!;
        foreach (var (i, (weight, bias)) in maps.Index())
        {
            x = matmul(x, weight.t()) + bias;
            if (i < maps.Count - 1) x = activation switch { "tanh" => x.tanh(), "relu" => x.relu(), _ => nn.functional.gelu(x) };
        }
        var ofTokens = task is TaskKind.TokenClassification or TaskKind.QuestionAnswering;
        Bits.AssertClose(ofTokens ? x : x.select(1, 0), output.Logits, 1e-6, type);

        var again = Path.Combine(_folder.Root, "again");
        AdapterFolder.Save(loaded.Adapter!, again, AdapterFormat.AdapterHub);
        JsonNode read = Json(_folder.File("head_config.json")), written = Json(Path.Combine(again, "head_config.json"));
        Assert.Equal(read["config"]!.ToJsonString(), written["config"]!.ToJsonString());
        Assert.Equal(("BertAdapterModel", Name), ((string?)written["model_class"], (string?)written["name"]));
        using var once = LoadedModel.Open(Base("bert"), again);
        var call = new ForwardContext { Selection = once.Selection, AllTokens = true };
        Bits.AssertSame(output.Logits, once.Model.Model.Forward(batch, call).Logits, "The answer");
    }

    [Fact]
    public void What_Such_Files_Cannot_Mean_Is_Refused()
    {
        Write("question_answering", 1, "tanh", 3);
        Refusal.Sentence(() => LoadedModel.Open(Base("bert"), _folder.Root), "num_labels", "start and the end");
        Write("tagging", 1, "tanh", 3);
        Change("use_pooler", true);
        Refusal.Sentence(() => LoadedModel.Open(Base("bert"), _folder.Root), "use_pooler", "every token");
        Write("tagging", 1, "tanh", 3);
        Change("num_labels", 4);
        Refusal.Sentence(() => LoadedModel.Open(Base("bert"), _folder.Root), "heads.mine.1", "4 classes");
        // Saved by this program for one task, described for another by somebody.
        Write("multilabel_classification", 2, "tanh", 3);
        using (var loaded = LoadedModel.Open(Base("bert"), _folder.Root))
            AdapterFolder.Save(loaded.Adapter!, _folder.Root, AdapterFormat.AdapterHub);
        Change("head_type", "classification");
        Refusal.Sentence(() => LoadedModel.Open(Base("bert"), _folder.Root), "answers Classification, but the card", "MultiLabel");
    }

    [Fact]
    public void A_Causal_Head_Is_The_Bases_Own_Map_Or_Nothing()
    {
        var source = TestPaths.Fixture("cases", "adapterhub-gpt2-double-seq-bn");
        foreach (var file in (string[])["adapter_config.json", "adapter.safetensors"])
            File.Copy(Path.Combine(source, file), _folder.File(file));
        Tensor without;
        using (var loaded = LoadedModel.Open(Base("gpt2"), _folder.Root))
        {
            using var batch = TinyRows();
            without = loaded.Model.Forward(batch, loaded.Selection).Logits;
        }
        File.WriteAllText(
            _folder.File("head_config.json"), """
            {"config": {"activation_function": null, "bias": false, "dropout_prob": null, "embedding_size": 32, "head_type": "causal_lm",
              "label2id": null, "layer_norm": false, "layers": 1, "shift_labels": true, "vocab_size": 96},
             "hidden_size": 32, "model_class": "GPT2AdapterModel", "model_name": "gpt2", "model_type": "gpt2", "name": "mine",
             "version": "adapters.1.2.0"}
            """);
        using var basis = Checkpoint.Open(Base("gpt2"));
        var words = basis.Read(basis.Names.Single(name => name.EndsWith("wte.weight", StringComparison.Ordinal)));
        Head(words);
        using (var loaded = LoadedModel.Open(Base("gpt2"), _folder.Root))
        {
            Assert.Equal(TaskKind.CausalLanguage, loaded.Model.Model.Head.Kind);
            using var batch = TinyRows();
            Bits.AssertSame(without, loaded.Model.Forward(batch, loaded.Selection).Logits, "The answer");
        }
        Head(words + 1e-3);
        Refusal.Sentence(() => LoadedModel.Open(Base("gpt2"), _folder.Root), "heads.mine.0.weight", "another map to the vocabulary");
        Change("layers", 2);
        Refusal.Sentence(() => LoadedModel.Open(Base("gpt2"), _folder.Root), "\"layers\"", "the base's own map");
    }

    [Fact]
    public void Heads_Of_Tokens_Are_Trained_Where_They_Stand()
    {
        Write("tagging", 2, "tanh", 3);
        using var loaded = LoadedModel.Open(Base("bert"), _folder.Root);
        var names = loaded.Adapter!.Tensors.Where(t => t.SavedModule).Select(t => t.Name).Order().ToList();
        Assert.Equal(["heads.mine.1.bias", "heads.mine.1.weight", "heads.mine.4.bias", "heads.mine.4.weight"], names);
        using var batch = TinyRows();
        var labels = tensor(new long[,] { { 0, 1, 2, -100 }, { 2, -100, -100, -100 } });
        var output = loaded.Model.Model.Forward(batch, new ForwardContext { Selection = loaded.Selection });
        var (mean, weight) = loaded.Model.Model.Head.Loss(output, labels);
        var expected = nn.functional.cross_entropy(output.Logits.flatten(0, 1), labels.flatten(), ignore_index: -100);
        Assert.Equal(expected.item<float>(), mean.item<float>(), 1e-6f);
        Assert.Equal(4, weight);
        mean.Backpropagate();
        Assert.All(loaded.Adapter.Tensors.Where(t => t.SavedModule), t => Assert.True(t.Value.grad is not null, t.Name));
    }

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static string Base(string name) => TestPaths.Fixture("models", name);

    private static JsonNode Json(string file) => JsonNode.Parse(File.ReadAllText(file))!;

    private static TokenBatch TinyRows() => new()
    {
        InputIds = tensor(new long[,] { { 2, 86, 19, 3 }, { 2, 35, 3, 0 } }),
        AttentionMask = tensor(new long[,] { { 1, 1, 1, 1 }, { 1, 1, 1, 0 } }),
    };

    private void Change(string field, JsonNode value)
    {
        var json = Json(_folder.File("head_config.json"));
        json["config"]![field] = value;
        File.WriteAllText(_folder.File("head_config.json"), json.ToJsonString());
    }

    private void Head(Tensor map) => SafetensorsWriter.Write(
        _folder.File("model_head.safetensors"), [KeyValuePair.Create("heads.mine.0.weight", map.contiguous())],
        new Dictionary<string, string> { ["format"] = "pt" });

    // An adapter of the reference, and a head beside it.
    private List<(Tensor Weight, Tensor Bias)> Write(string type, int layers, string? activation, int outputs)
    {
        var source = TestPaths.Fixture("cases", "adapterhub-bert-seq-bn");
        foreach (var file in (string[])["adapter_config.json", "adapter.safetensors"])
            File.Copy(Path.Combine(source, file), _folder.File(file), overwrite: true);
        var (maps, tensors) = (new List<(Tensor, Tensor)>(), new List<KeyValuePair<string, Tensor>>());
        for (var layer = 0; layer < layers; layer++)
        {
            var rows = layer < layers - 1 ? 32 : outputs;
            var map = (Initial.Normal([rows, 32], 0.3, 5 + (ulong)layer), Initial.Normal([rows], 0.3, 9 + (ulong)layer));
            maps.Add(map);
            var path = $"heads.{Name}.{layer * (activation is null ? 2 : 3) + 1}";
            tensors.Add(new($"{path}.weight", map.Item1));
            tensors.Add(new($"{path}.bias", map.Item2));
        }
        SafetensorsWriter.Write(_folder.File("model_head.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        var config = new JsonObject { ["activation_function"] = activation };
        var ofTokens = type is "tagging" or "question_answering";
        if (!ofTokens) config["bias"] = true;
        config["dropout_prob"] = null;
        config["head_type"] = type;
        // A span's start and end have the names that AdapterHub gives what has none.
        config["label2id"] = new JsonObject(Enumerable.Range(0, outputs)
            .Select(i => KeyValuePair.Create(type == "question_answering" ? $"LABEL_{i}" : $"name {i}", (JsonNode?)i)));
        config["layers"] = layers;
        config["num_labels"] = outputs;
        if (!ofTokens) config["use_pooler"] = false;
        var document = new JsonObject
        {
            ["config"] = config,
            ["hidden_size"] = 32,
            ["model_class"] = "BertAdapterModel",
            ["model_name"] = "bert",
            ["model_type"] = "bert",
            ["name"] = Name,
            ["version"] = "adapters.1.2.0",
        };
        File.WriteAllText(_folder.File("head_config.json"), document.ToJsonString());
        return maps;
    }
}
