using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Proof;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>Base models as they lie about: other prefixes, old names, tensors that are one too many or too few.</summary>
public sealed class BaseLayoutTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    [Theory]
    [InlineData("bert", "bert.")]
    [InlineData("bert", "")]
    [InlineData("bert", "module.")]
    [InlineData("bert", "module.bert.")]
    [InlineData("bert", "model.bert.")]
    [InlineData("bert", "encoder.")]
    [InlineData("bert", "0.auto_model.")]
    [InlineData("roberta", "model.roberta.")]
    [InlineData("roberta", "encoder.")]
    [InlineData("distilbert", "module.distilbert.")]
    public void A_Base_Is_Found_Under_Any_Prefix_With_Old_And_New_Names_Of_Norms(string architecture, string prefix)
    {
        foreach (var old in (bool[])[false, true])
            foreach (var task in (TaskKind[])[TaskKind.Embedding, TaskKind.Classification])
            {
                var expected = Load(TestPaths.Fixture("models", architecture), task);
                Rewrite(architecture, name => Prefixed(architecture, name, prefix), old);
                var found = Load(_folder.Root, task);
                Assert.Equal(expected.Created, found.Created);
                Bits.AssertSame(Answer(expected), Answer(found), $"The output under \"{prefix}\"");
                Assert.Equal(
                    BaseFingerprint.Of(TestPaths.Fixture("models", architecture), expected, null).Weights.Tensors.Keys.Order(),
                    BaseFingerprint.Of(_folder.Root, found, null).Weights.Tensors.Keys.Order());
            }
    }

    [Fact]
    public void The_Users_Base_With_Old_Norms_Loads_With_Its_Adapter_And_Merges()
    {
        var (folder, adapter) =
            (TestPaths.RequireShared("user-cases", "gamma-beta", "base"), TestPaths.RequireShared("user-cases", "gamma-beta", "adapter"));
        var model = new PeftModel(ModelLoader.Load(folder));
        var method = AdapterFolder.Open(adapter).LoadInto(model);
        var with = Answer(model.Model, AdapterSelection.Of(method.Tag));
        Bits.AssertDiffers(Answer(model.Model), with, "The adapter");
        model.Merge(method.Name);
        Assert.True(with.allclose(Answer(model.Model), 1e-4, 1e-5));
        ModelWriter.Write(model.Model, _folder.Root);
        Bits.AssertSame(Answer(model.Model), Answer(ModelLoader.Load(_folder.Root)), "The merged model");
    }

    [Fact]
    public void Tensors_That_No_Encoder_Reads_Do_No_Harm()
    {
        var expected = Load(TestPaths.Fixture("models", "bert"), TaskKind.Classification);
        Rewrite("bert", name => name, false, more: [
            KeyValuePair.Create("bert.embeddings.position_ids", arange(64, ScalarType.Int64).unsqueeze(0)),
            KeyValuePair.Create("cls.predictions.bias", zeros(96)),
            KeyValuePair.Create("cls.seq_relationship.weight", zeros(2, 32))]);
        Bits.AssertSame(Answer(expected), Answer(Load(_folder.Root, TaskKind.Classification)), "The output");
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    public void Other_Element_Types_Are_Read(ScalarType type)
    {
        Rewrite("bert", name => name, true, change: (_, value) => value.to(type));
        Assert.True(
            Answer(Load(TestPaths.Fixture("models", "bert"), TaskKind.Classification)).allclose(
                Answer(Load(_folder.Root, TaskKind.Classification)), 0.1, 0.1));
    }

    [Fact]
    public void A_Segment_Table_Of_One_Row_Tells_No_Segments_Apart()
    {
        Rewrite(
            "bert", name => name, false, json => json["type_vocab_size"] = 1,
            change: (name, value) => name.Contains("token_type") ? value.narrow(0, 0, 1) : value);
        var model = Load(_folder.Root, TaskKind.Classification);
        var batch = Batch();
        var plain = new PeftSharp.Data.TokenBatch { InputIds = batch.InputIds, AttentionMask = batch.AttentionMask };
        Bits.AssertSame(model.Forward(plain, new ForwardContext()).Logits, model.Forward(batch, new ForwardContext()).Logits, "The output");
    }

    [Fact]
    public void Segments_Are_There_Where_The_Configuration_Is_Silent()
    {
        Rewrite("bert", name => name, false, json => json.Remove("type_vocab_size"));
        Bits.AssertSame(
            Answer(Load(TestPaths.Fixture("models", "bert"), TaskKind.Classification)), Answer(Load(_folder.Root, TaskKind.Classification)),
            "The output");
    }

    [Theory]
    [InlineData("pruned_heads", """{ "0": [1] }""")]
    [InlineData("is_encoder_decoder", "true")]
    [InlineData("is_decoder", "true")]
    [InlineData("position_embedding_type", "\"relative_key\"")]
    [InlineData("hidden_act", "\"snake\"")]
    [InlineData("auto_map", """{ "AutoModel": "modeling_own.OwnModel" }""")]
    [InlineData("quantization_config", """{ "quant_method": "gptq", "bits": 4 }""")]
    [InlineData("quantization_config", """{ "load_in_4bit": true, "bnb_4bit_quant_type": "int4" }""")]
    public void Fields_That_Change_The_Answer_Are_Refused(string field, string value)
    {
        Rewrite("bert", name => name, false, json => json[field] = JsonNode.Parse(value));
        Refusal.Sentence(() => Load(_folder.Root, TaskKind.Classification), field == "hidden_act" ? "activation" : field, "config.json");
    }

    [Theory]
    [InlineData("pruned_heads", "{}")]
    [InlineData("pruned_heads", "null")]
    [InlineData("chunk_size_feed_forward", "8")]
    [InlineData("use_cache", "false")]
    [InlineData("torch_dtype", "\"float16\"")]
    [InlineData("_attn_implementation", "\"sdpa\"")]
    [InlineData("auto_map", """{ "AutoTokenizer": ["own.Tokenizer", null] }""")]
    [InlineData("hidden_act", "\"gelu_python\"")]
    public void Fields_That_Change_Nothing_Are_Not(string field, string value)
    {
        Rewrite("bert", name => name, false, json => json[field] = JsonNode.Parse(value));
        Bits.AssertSame(
            Answer(Load(TestPaths.Fixture("models", "bert"), TaskKind.Classification)), Answer(Load(_folder.Root, TaskKind.Classification)),
            "The output");
    }

    [Fact]
    public void Weights_Of_Another_Quantisation_Or_Architecture_Are_Refused()
    {
        Rewrite(
            "bert", name => name, false,
            change: (name, value) => name.EndsWith("query.weight", StringComparison.Ordinal) ? value.to(ScalarType.Int8) : value);
        Refusal.Sentence(() => Load(_folder.Root, TaskKind.Classification), "Int8", "before it was quantised");
        Rewrite("bert", name => Prefixed("bert", name, "roberta."), false);
        Refusal.Sentence(() => Load(_folder.Root, TaskKind.Embedding), "roberta", "same model");
        Rewrite(
            "bert", name => Prefixed("bert", name, "query."), false,
            more: [KeyValuePair.Create("passage.embeddings.word_embeddings.weight", zeros(2, 2))]);
        Refusal.Sentence(() => Load(_folder.Root, TaskKind.Embedding), "2 models", "passage", "query");
    }

    [Fact]
    public void Nothing_Is_Trained_Where_Nothing_Can_Be_Learnt()
    {
        var model = new PeftModel(Load(TestPaths.Fixture("models", "bert"), TaskKind.Embedding));
        var adapter = model.Add(new LoraOptions());
        Refusal.Sentence(() => _ = new TrainableAdapter(model, adapter), "has no head", "TaskKind.Classification");
    }

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static TransformerModel Load(string folder, TaskKind task) =>
        ModelLoader.Load(folder, new ModelOptions { Task = task, Labels = task == TaskKind.Embedding ? null : ["a", "b", "c"] });

    private static PeftSharp.Data.TokenBatch Batch() => new()
    {
        InputIds = tensor(new long[,] { { 2, 86, 85, 19, 21, 3 }, { 2, 35, 60, 3, 0, 0 } }),
        AttentionMask = tensor(new long[,] { { 1, 1, 1, 1, 1, 1 }, { 1, 1, 1, 1, 0, 0 } }),
        TokenTypeIds = tensor(new long[,] { { 0, 0, 0, 1, 1, 1 }, { 0, 0, 1, 1, 0, 0 } }),
    };

    private static Tensor Answer(TransformerModel model, AdapterSelection? selection = null)
    {
        using var guard = no_grad();
        return model.Forward(Batch(), new ForwardContext { Selection = selection ?? AdapterSelection.None }).Logits;
    }

    // The body under another prefix, the head where the wrapper has it.
    private static string Prefixed(string architecture, string name, string prefix)
    {
        var own = $"{architecture}.";
        if (name.StartsWith(own, StringComparison.Ordinal)) return prefix + name[own.Length..];
        return (prefix.EndsWith(own, StringComparison.Ordinal) ? prefix[..^own.Length] : prefix) + name;
    }

    private void Rewrite(
        string architecture,
            Func<string, string> rename, bool oldNorms, Action<JsonObject>? config = null, Func<string, Tensor, Tensor>? change = null,
        IReadOnlyList<KeyValuePair<string, Tensor>>? more = null)
    {
        var source = TestPaths.Fixture("models", architecture);
        using var checkpoint = Checkpoint.Open(source);
        string Name(string name) =>
            oldNorms
                ? name.Replace("orm.weight", "orm.gamma", StringComparison.Ordinal)
                    .Replace("orm.bias", "orm.beta", StringComparison.Ordinal)
                : name;
        var tensors = checkpoint.Names.Select(
            name => KeyValuePair.Create(rename(Name(name)), change?.Invoke(name, checkpoint.Read(name)) ?? checkpoint.Read(name)));
        SafetensorsWriter.Write(_folder.File("model.safetensors"), [.. tensors, .. more ?? []]);
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
        config?.Invoke(json);
        File.WriteAllText(_folder.File("config.json"), json.ToJsonString());
    }
}
