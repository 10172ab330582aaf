using System.Text.Json.Nodes;
using PeftSharp.Models;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Models;

/// <summary>A field of config.json that nobody asked for is said; those that every checkpoint has are not.</summary>
public sealed class UnknownFieldsTests
{
    public static TheoryData<string> Supported() => new(
        Directory.GetDirectories(TestPaths.Fixture("models")).Select(folder => Path.GetFileName(folder)).Where(name =>
            ModelLoader.Supported.Contains(ModelConfig.Read(TestPaths.Fixture("models", name)).ModelType)));

    [Theory]
    [MemberData(nameof(Supported))]
    public void Checkpoints_Of_Transformers_Have_None(string name)
    {
        using var model = ModelLoader.Load(TestPaths.Fixture("models", name));
        Assert.Empty(model.Remarks);
    }

    [Fact]
    public void An_Invented_Field_Is_Named_With_Its_Value()
    {
        var remark = Assert.Single(Remarks("bert", config =>
        {
            config["residual_scale"] = 3.0;
            config["norm_first"] = null;
            config["num_beams"] = 4;
        }));
        Assert.Contains("\"residual_scale\" (3", remark, StringComparison.Ordinal);
        Assert.DoesNotContain("norm_first", remark, StringComparison.Ordinal);
        Assert.DoesNotContain("num_beams", remark, StringComparison.Ordinal);
    }

    [Fact]
    public void What_Only_One_Architecture_Has_Is_Known_To_It_Alone()
    {
        Assert.Empty(Remarks("bert", config => config["pooler_fc_size"] = 768));
        var remark = Assert.Single(Remarks("bert", config => config["pretraining_tp"] = 1));
        Assert.Contains("\"pretraining_tp\"", remark, StringComparison.Ordinal);
        Assert.Empty(Remarks("llama", config => config["pretraining_tp"] = 1));
    }

    private static IReadOnlyList<string> Remarks(string name, Action<JsonObject> change)
    {
        using var folder = new TempFolder();
        foreach (var file in Directory.GetFiles(TestPaths.Fixture("models", name))) File.Copy(file, folder.File(Path.GetFileName(file)));
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!;
        change(config);
        File.WriteAllText(folder.File("config.json"), config.ToJsonString());
        using var model = ModelLoader.Load(folder.Root);
        return [.. model.Remarks];
    }
}
