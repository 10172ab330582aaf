using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Runs;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;

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
        Assert.Equal(remarks, Description.Of(folder.Root)["remarks"]?.AsArray().Select(remark => (string)remark!) ?? []);
    }

    [Theory]
    [InlineData("adapterhub-bert-seq-bn", "norm_scale", "2.5", "\"norm_scale\" (2.5)")]
    [InlineData("adapterhub-bert-lora", "new_mode", "\"deep\"", "\"new_mode\"")]
    [InlineData("adapterhub-bert-prefix", "new_flag", "false", null)]
    public void Of_AdapterHub_Too(string fixture, string field, string value, string? said)
    {
        using var folder = new TempFolder();
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(TestPaths.Fixture("cases", fixture), "adapter_config.json")))!;
        json["config"]![field] = JsonNode.Parse(value);
        File.WriteAllText(folder.File("adapter_config.json"), json.ToJsonString());
        var remarks = UnknownSettings.Remarks(AdapterFolder.Open(folder.Root));
        if (said is null) Assert.Empty(remarks);
        else Assert.Contains(said, Assert.Single(remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_Part_Of_A_Union_Is_Asked_As_Well()
    {
        using var folder = new TempFolder();
        var fixture = Path.Combine(TestPaths.Fixture("cases", "adapterhub-bert-mam"), "adapter_config.json");
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(fixture))!;
        json["config"]!["configs"]![1]!["norm_scale"] = 2.5;
        File.WriteAllText(folder.File("adapter_config.json"), json.ToJsonString());
        var remark = Assert.Single(UnknownSettings.Remarks(AdapterFolder.Open(folder.Root)));
        Assert.Contains("\"norm_scale\" (2.5)", remark, StringComparison.Ordinal);
    }

    [Fact]
    public void What_Every_Method_Writes_Is_Known()
    {
        foreach (var method in MethodRegistry.All.SelectMany(info => info.Presets.Keys.Prepend(info.Name)).Distinct())
        {
            var options = TinySettings.Of(method);
            if (options.Format != AdapterFormat.AdapterHub) continue;
            using var bench = new Bench("bert");
            using var folder = new TempFolder();
            AdapterFolder.Save(bench.Add(options), folder.Root);
            Assert.Empty(UnknownSettings.Remarks(AdapterFolder.Open(folder.Root)));
        }
    }
}
