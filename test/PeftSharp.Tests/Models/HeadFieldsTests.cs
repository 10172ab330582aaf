using System.Text.Json.Nodes;
using PeftSharp.Runs;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Models;

/// <summary>Fields about the classes of a checkpoint that contradict each other, or the checkpoint itself, are named.</summary>
public sealed class HeadFieldsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public HeadFieldsTests()
    {
        foreach (var file in Directory.GetFiles(TestPaths.Fixture("models", "bert"))) File.Copy(file, _folder.File(Path.GetFileName(file)));
        Change(config =>
        {
            config["id2label"] = JsonNode.Parse("""{"0": "a", "1": "b", "2": "c"}""");
            config["label2id"] = JsonNode.Parse("""{"a": 0, "b": 1, "c": 2}""");
        });
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("label2id", """{"a": 2, "b": 1, "c": 0}""", "id2label gives \"a\" the number 0, but label2id gives it 2")]
    [InlineData("num_labels", "5", "num_labels is 5, but id2label names 3")]
    [InlineData("label2id", """{"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}""", null)]
    [InlineData("label2id", """{"a": 0, "b": 1, "c": 2}""", null)]
    [InlineData("num_labels", "3", null)]
    [InlineData("id2label", """{"2": "c", "0": "a", "1": "b"}""", null)]
    public void Fields_Of_One_Head_Agree_Or_Are_Named(string field, string value, string? said)
    {
        Change(config => config[field] = JsonNode.Parse(value));
        using var model = LoadedModel.Open(_folder.Root);
        Assert.Equal(["a", "b", "c"], model.Labels);
        if (said is null) Assert.Empty(model.Remarks);
        else Assert.Contains(said, Assert.Single(model.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_Head_Of_Another_Number_Of_Classes_Is_Refused_With_Both_Numbers()
    {
        Change(config => (config["id2label"], config["label2id"]) = (JsonNode.Parse("""{"0": "a", "1": "b"}"""), null));
        using var model = LoadedModel.Open(_folder.Root);
        Assert.Contains(
            "classifier.weight has the shape [3, 32] and not [2, 32]", Assert.Throws<PeftException>(model.RequireHead).Message,
            StringComparison.Ordinal);
    }

    private void Change(Action<JsonObject> change)
    {
        var file = _folder.File("config.json");
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(file))!;
        change(config);
        File.WriteAllText(file, config.ToJsonString());
    }
}
