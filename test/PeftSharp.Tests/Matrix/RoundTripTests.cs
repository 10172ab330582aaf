using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Tests.Files;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 6: an adapter comes back from disk as it was, or its format refuses to hold it.</summary>
public sealed class RoundTripTests
{
    private const string Config = "adapter_config.json";

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Own_Format_Holds_The_Method(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root, adapter.Options.Format);
        Assert.Equal(adapter.Options.Format, AdapterFolder.Open(folder.Root).Format);
    }

    [Theory]
    [MemberData(nameof(MatrixCases.Formats), MemberType = typeof(MatrixCases))]
    public void Comes_Back_Bit_For_Bit_Or_Is_Refused(string architecture, string method, AdapterFormat format)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        bench.Train(adapter);
        using var folder = new TempFolder();
        if (!Holds(adapter, format))
        {
            Refusal.Of(bench, () => AdapterFolder.Save(adapter, folder.Root, format), adapter.Options.PeftType);
            Assert.Empty(Directory.GetFiles(folder.Root));
            return;
        }
        AdapterFolder.Save(adapter, folder.Root, format);
        var opened = AdapterFolder.Open(folder.Root);
        using (var file = SafetensorsFile.Open(opened.WeightsFile))
            Assert.Equal(
                adapter.SavedTensors(format).Select(t => t.Key).Order(StringComparer.Ordinal),
                file.Tensors.Keys.Order(StringComparer.Ordinal));

        using var fresh = new Bench(architecture);
        var loaded = opened.LoadInto(fresh.Peft, "other");
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output after saving and loading");
        Assert.Equal(adapter.TrainedWeights, loaded.TrainedWeights);
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Unknown_Fields_Of_The_Configuration_Survive(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        using var folder = new TempFolder();
        var format = adapter.Options.Format;
        AdapterFolder.Save(adapter, folder.Root, format);
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(folder.File(Config)))!;
        foreach (var part in (JsonObject?[])[json, json["config"] as JsonObject])
            if (part is not null) part["field_of_the_future"] = new JsonObject { ["a"] = new JsonArray(1, null, "x") };
        File.WriteAllText(folder.File(Config), json.ToJsonString());

        using var fresh = new Bench(architecture);
        var opened = AdapterFolder.Open(folder.Root);
        var loaded = opened.LoadInto(fresh.Peft, adapter.Name);
        using var again = new TempFolder();
        AdapterFolder.Save(loaded, again.Root, format);
        var written = JsonNode.Parse(File.ReadAllText(again.File(Config)));
        Assert.True(JsonNode.DeepEquals(json, written), $"Read: {json.ToJsonString()}\nWritten: {written!.ToJsonString()}");
    }

    // A method's own format always holds it (the theory above); others may refuse, but not lose anything.
    private static bool Holds(PeftMethod adapter, AdapterFormat format)
    {
        return format == adapter.Options.Format || adapter.Refusal(format) is null;
    }

    [Fact]
    public void The_Registry_Says_What_Formats_Hold()
    {
        Assert.All(MethodRegistry.All, method => Assert.Equal(method.Format, method.Formats[0]));
        Assert.All(MethodRegistry.All, method => Assert.All(Settings(method), settings =>
        {
            Assert.Contains(settings.Format, method.Formats);
            Assert.Null(settings.Refusal(settings.Format));
            Assert.All(
                Enum.GetValues<AdapterFormat>().Except(method.Formats),
                format => Assert.StartsWith(settings.PeftType, settings.Refusal(format)!));
        }));
    }

    private static IEnumerable<MethodOptions> Settings(MethodInfo method) =>
        method.Presets.Values.Select(preset => preset()).Prepend(method.CreateOptions());

}
