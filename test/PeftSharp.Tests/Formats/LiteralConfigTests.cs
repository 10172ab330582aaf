using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Json;
using PeftSharp.Runs.Conformance;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Formats;

/// <summary>
/// Settings are written literally as the reference libraries write them: the same keys in the same order, numbers of the same kind.
/// </summary>
public sealed class LiteralConfigTests : IDisposable
{
    private const string Config = "adapter_config.json";

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Cases => [.. Folders(TestPaths.Fixture("cases"))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_Was_Read_And_Loaded_Is_Written_As_It_Stood(string @case)
    {
        using var reference = new ConformanceCase(TestPaths.Fixture("cases", @case));
        var adapter = reference.Adapter!.LoadInto(new PeftModel(reference.LoadModel()));
        AdapterFolder.Save(adapter, _folder.Root, reference.Format);
        Assert.Equal(Literal(TestPaths.Fixture("cases", @case, Config)), Literal(_folder.File(Config)));
    }

    [Fact]
    public void So_Is_Every_Reference_Configuration_That_Can_Be_Read()
    {
        var cases = TestPaths.RequireShared("fixtures", "cases");
        var read = 0;
        foreach (var folder in Folders(cases).Select(name => Path.Combine(cases, name)))
        {
            AdapterFolder opened;
            try
            {
                opened = AdapterFolder.Open(folder);
            }
            catch (PeftException)
            {
                continue; // a method that is not supported
            }
            var text = opened.Format == AdapterFormat.Peft
                ? AdapterJson.Text(opened.Options)
                : AdapterJson.Text(With(opened.Json, opened.Options.ToAdapterHub()));
            Assert.Equal(Literal(Path.Combine(folder, Config)), JsonNode.Parse(text)!.ToJsonString());
            read++;
        }
        Assert.True(read >= 60, $"{read} configurations were read");
    }

    [Theory]
    [InlineData("lora", "bert-lora")]
    [InlineData("vera", "bert-vera")]
    [InlineData("loha", "bert-loha")]
    [InlineData("lokr", "bert-lokr")]
    [InlineData("oft", "bert-oft")]
    [InlineData("boft", "bert-boft")]
    [InlineData("hra", "bert-hra")]
    [InlineData("miss", "bert-miss")]
    [InlineData("fourierft", "bert-fourierft")]
    [InlineData("randlora", "bert-randlora")]
    [InlineData("vblora", "bert-vblora")]
    [InlineData("prefix", "bert-prefix")]
    [InlineData("prompt", "bert-prompt")]
    [InlineData("houlsby", "adapterhub-bert-double-seq-bn")]
    [InlineData("pfeiffer", "adapterhub-bert-seq-bn")]
    [InlineData("parallel", "adapterhub-bert-par-bn")]
    [InlineData("prefix_tuning_flat", "adapterhub-bert-prefix-flat")]
    [InlineData("mam", "adapterhub-bert-mam")]
    [InlineData("unipelt", "adapterhub-bert-unipelt")]
    public void New_Settings_Have_The_Reference_Keys_And_Kinds(string method, string @case)
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(method);
        AdapterFolder.Save(adapter, _folder.Root, adapter.Options.Format);
        Assert.Equal(Kinds(TestPaths.Fixture("cases", @case, Config)), Kinds(_folder.File(Config)));
    }

    [Theory]
    [InlineData("lora", "adapterhub-bert-lora")]
    public void So_Have_Those_That_Are_Written_In_The_Other_Layout(string method, string @case)
    {
        using var bench = new Bench("bert");
        AdapterFolder.Save(bench.Add(method), _folder.Root, AdapterFormat.AdapterHub);
        Assert.Equal(Kinds(TestPaths.Fixture("cases", @case, Config)), Kinds(_folder.File(Config)));
    }

    // An earlier version wrote 1 where AdapterHub's loader takes 1.0 alone.
    [Theory]
    [InlineData("1", "1.0")]
    [InlineData("4.0", "4.0")]
    [InlineData("0.25", "0.25")]
    [InlineData("\"learned\"", "\"learned\"")]
    public void A_Scaling_Is_A_Float(string read, string written)
    {
        var options = MethodRegistry.FromAdapterHub((JsonObject)JsonNode.Parse($$"""{ "reduction_factor": 16, "scaling": {{read}} }""")!,
            Config);
        Assert.Equal(written, options.ToAdapterHub()["scaling"]!.ToJsonString());
    }

    [Theory]
    [InlineData(1, "1.0", "1")]
    [InlineData(0, "0.0", "0")]
    [InlineData(0.05, "0.05", "0.05")]
    [InlineData(0.1, "0.1", "0.1")]
    [InlineData(-2.5, "-2.5", "-2.5")]
    [InlineData(1e-5, "1e-05", "1e-05")]
    [InlineData(0.00012, "0.00012", "0.00012")]
    [InlineData(1.5e-7, "1.5e-07", "1.5e-07")]
    [InlineData(123456.789, "123456.789", "123456.789")]
    [InlineData(1e16, "1e+16", "1e+16")]
    [InlineData(1e300, "1e+300", "1e+300")]
    [InlineData(0.1 + 0.2, "0.30000000000000004", "0.30000000000000004")]
    public void Numbers_Are_Spelt_As_Python_Spells_Them(double number, string asFloat, string asAny)
    {
        Assert.Equal(asFloat, PythonNumber.FloatText(number));
        Assert.Equal(asAny, PythonNumber.AnyText(number));
    }

    [Fact]
    public void Names_Are_Escaped_So_That_Any_Encoding_Reads_Them()
    {
        using var bench = new Bench("bert");
        AdapterFolder.Save(bench.Add("houlsby", "한국어 😀"), _folder.Root, AdapterFormat.AdapterHub);
        var text = File.ReadAllText(_folder.File(Config));
        Assert.Contains("\"\\ud55c\\uad6d\\uc5b4 \\ud83d\\ude00\"", text, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("한국어 😀", AdapterFolder.Open(_folder.Root).SavedAs);
    }

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<string> Folders(string cases) =>
        Directory.GetDirectories(cases).Where(AdapterFolder.Is).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal);

    private static JsonObject With(JsonObject document, JsonObject config)
    {
        var copy = (JsonObject)document.DeepClone();
        copy["config"] = config;
        return copy;
    }

    // Layout aside: the fixtures were indented by one.
    private static string Literal(string file) => JsonNode.Parse(File.ReadAllText(file))!.ToJsonString();

    private static string[] Kinds(string file) => [.. Kinds("", JsonNode.Parse(File.ReadAllText(file)))];

    private static IEnumerable<string> Kinds(string path, JsonNode? node) => node switch
    {
        JsonObject map => map.SelectMany(p => Kinds($"{path}.{p.Key}", p.Value)).Prepend($"{path} object"),
        JsonArray list when list.Any(item => item is JsonObject) => list.SelectMany((item, i) => Kinds($"{path}[{i}]", item)),
        _ => [$"{path} {Kind(path, node)}"],
    };

    // What the settings of the case and the defaults differ in, or what a case without a name for its base leaves open.
    private static string Kind(string path, JsonNode? node) =>
        path is ".base_model_name_or_path" or ".model_name" or ".target_modules" ? "any"
        : node is null ? "null"
        : node.GetValueKind() != System.Text.Json.JsonValueKind.Number ? node.GetValueKind().ToString()
        : node.ToJsonString().AsSpan().IndexOfAny('.', 'e') >= 0 ? "float" : "whole";
}
