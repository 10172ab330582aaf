using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Runs;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Formats;

/// <summary>A field of adapter_config.json that nothing here asks for is said; those that every adapter has are not.</summary>
public sealed class UnknownSettingsTests
{
    [Fact]
    public void Adapters_Of_The_Reference_Libraries_Have_None()
    {
        var folders = Directory.GetDirectories(TestPaths.Fixture("cases")).Where(AdapterFolder.Is).ToList();
        Assert.NotEmpty(folders);
        Assert.All(folders, folder => Assert.Empty(UnknownSettings.Remarks(AdapterFolder.Open(folder))));
    }

    [Theory]
    [InlineData("scale_by_depth", "3.5", "\"scale_by_depth\" (3.5)")]
    [InlineData("use_new_thing", "true", "\"use_new_thing\" (true)")]
    [InlineData("layers_apart", "[1]", "\"layers_apart\" (a list)")]
    [InlineData("ensure_weight_tying", "true", "\"ensure_weight_tying\" (true)")]
    [InlineData("use_new_thing", "false", null)]
    [InlineData("use_new_thing", "null", null)]
    [InlineData("use_new_thing", "{}", null)]
    [InlineData("peft_version", "\"99.0\"", null)]
    public void An_Invented_Field_Is_Named_With_Its_Value_Wherever_The_Adapter_Is_Loaded(string field, string value, string? said)
    {
        using var folder = new TempFolder();
        foreach (var file in Directory.GetFiles(TestPaths.Fixture("cases", "bert-lora")))
            File.Copy(file, folder.File(Path.GetFileName(file)));
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(folder.File("adapter_config.json")))!;
        config[field] = JsonNode.Parse(value);
        File.WriteAllText(folder.File("adapter_config.json"), config.ToJsonString());
        using var loaded = LoadedModel.Open(TestPaths.Fixture("models", "bert"), folder.Root);
        var remarks = loaded.Remarks.Where(remark => remark.Contains("does not know", StringComparison.Ordinal)).ToList();
        if (said is null) Assert.Empty(remarks);
        else Assert.Contains(said, Assert.Single(remarks), StringComparison.Ordinal);
    }
}
