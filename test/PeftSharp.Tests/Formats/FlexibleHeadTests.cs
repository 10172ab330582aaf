using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Formats;

/// <summary>AdapterHub's heads: their flexible layout, and the names of classes in head_config.json.</summary>
public sealed class FlexibleHeadTests : IDisposable
{
    private const string HeadConfig = "head_config.json";

    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    [Fact]
    public void The_Users_Head_Is_Read_With_Its_Names_And_Written_Again()
    {
        var (flex, loaded) = Users();
        Assert.Equal(["negative", "positive"], loaded.Labels);
        var probabilities = Probabilities(loaded);
        Assert.Equal(0.4947f, probabilities[0], 1e-4f);
        Assert.Equal(0.5053f, probabilities[1], 1e-4f);

        AdapterFolder.Save(loaded.Adapter!, _folder.Root, AdapterFormat.AdapterHub);
        Assert.Equal(probabilities, Probabilities(LoadedModel.Open(TestPaths.Fixture("models", "bert"), _folder.Root)));
        JsonNode written = JsonNode.Parse(File.ReadAllText(_folder.File(HeadConfig)))!,
        read = JsonNode.Parse(File.ReadAllText(Path.Combine(flex, HeadConfig)))!;
        Assert.Equal(read["config"]!.ToJsonString(), written["config"]!.ToJsonString());
        Assert.Equal(read["name"]!.ToJsonString(), written["name"]!.ToJsonString());
        Assert.Equal("BertAdapterModel", (string?)written["model_class"]);
    }

    [Fact]
    public void What_Other_Layouts_Cannot_Say_Is_Refused()
    {
        var (_, loaded) = Users();
        Refusal.Sentence(() => AdapterFolder.Save(loaded.Adapter!, _folder.Root, AdapterFormat.Peft), "flexible layout");
        Refusal.Sentence(() => ModelWriter.Write(loaded.Model.Model, _folder.Root), "flexible layout");
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Theory]
    [InlineData("head_type", "\"multiple_choice\"", "field \"head_type\" is \"multiple_choice\"; expected one of")]
    [InlineData("layers", "3", "field \"layers\" is 3; expected 1 or 2")]
    [InlineData("head_type", "\"dependency_parsing\"", "has a counterpart")]
    [InlineData("head_type", "\"masked_lm\"", "head_type")]
    [InlineData("head_type", "\"causal_lm\"", "layers")]
    [InlineData("layers", "\"2\"", "layers")]
    [InlineData("bias", "false", "bias")]
    [InlineData("activation_function", "\"snake\"", "activation_function")]
    [InlineData("activation_function", "null", "heads.sst.3")]
    [InlineData("label2id", """{ "a": 0, "b": 0 }""", "label2id.b")]
    [InlineData("label2id", """{ "a": 7 }""", "label2id.a")]
    [InlineData("num_labels", "0", "num_labels")]
    [InlineData("num_labels", "3", "heads.sst.4")]
    [InlineData("use_pooler", "1", "use_pooler")]
    [InlineData("dropout_prob", "2.0", "dropout_prob")]
    public void A_Head_That_Is_Not_Supported_Is_Refused(string field, string value, string message)
    {
        var flex = TestPaths.RequireShared("user-cases", "flexible-head", "flex");
        foreach (var file in Directory.GetFiles(flex)) File.WriteAllBytes(_folder.File(Path.GetFileName(file)), File.ReadAllBytes(file));
        var json = JsonNode.Parse(File.ReadAllText(_folder.File(HeadConfig)))!;
        json["config"]![field] = JsonNode.Parse(value);
        File.WriteAllText(_folder.File(HeadConfig), json.ToJsonString());
        Refusal.Sentence(() => LoadedModel.Open(TestPaths.Fixture("models", "bert"), _folder.Root), message);
    }

    [Fact]
    public void A_Head_Of_The_Models_Class_Is_Described_As_AdapterHub_Does()
    {
        var model = new PeftModel(
            ModelLoader.Load(
                TestPaths.Fixture("models", "bert"), new ModelOptions { Task = TaskKind.Classification, Labels = ["no", "maybe", "yes"] }));
        AdapterFolder.Save(model.Add(MethodRegistry.Options("houlsby")), _folder.Root, AdapterFormat.AdapterHub);
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(_folder.File(HeadConfig)))!;
        Assert.Equal(
            ["config", "hidden_size", "label2id", "model_class", "model_name", "model_type", "name", "num_labels", "version"],
            json.Select(p => p.Key));
        Assert.Equal("""{"no":0,"maybe":1,"yes":2}""",
            new JsonObject(json["label2id"]!.AsObject().OrderBy(p => (int)p.Value!)
            .Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone()))).ToJsonString());
        Assert.Equal("BertForSequenceClassification", (string?)json["model_class"]);
        Assert.Equal(3, (int)json["num_labels"]!);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static (string Folder, LoadedModel Model) Users()
    {
        var flex = TestPaths.RequireShared("user-cases", "flexible-head", "flex");
        return (flex, LoadedModel.Open(TestPaths.Fixture("models", "bert"), flex));
    }

    private static float[] Probabilities(LoadedModel loaded)
    {
        using var guard = no_grad();
        var batch = new PeftSharp.Data.TokenBatch
        {
            InputIds = tensor(new long[,] { { 2, 86, 85, 19, 21, 69, 3 } }),
            AttentionMask = ones([1, 7], ScalarType.Int64),
        };
        return loaded.Model.Forward(batch, loaded.Selection).Logits.softmax(-1).data<float>().ToArray();
    }
}
