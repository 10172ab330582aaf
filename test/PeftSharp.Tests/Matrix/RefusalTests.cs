using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 10, for every method.</summary>
public sealed class RefusalTests
{
    private const string Stranger = "no_such_module";

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Wrong_Module(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var info = MatrixCases.Info(method);
        foreach (var field in (string[])["target_modules", "modules_to_save"])
        {
            var options = AdapterJson.Parse(TinySettings.With(info, field, new JsonArray(Stranger)), info, "adapter_config.json");
            if (options.Unknown?.ContainsKey(field) == true) continue; // the method has no such setting
            Refusal.Of(bench, () => bench.Peft.Add(options), Stranger, field);
        }
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Wrong_Shape_In_The_File(string architecture, string method)
    {
        using var folder = new TempFolder();
        using var bench = Saved(architecture, method, folder, out var opened);
        var tensors = Read(opened.WeightsFile);
        // A head without biases that has more rows is one for more classes.
        if (tensors.Keys.FirstOrDefault(k => !k.EndsWith("score.weight", StringComparison.Ordinal)) is not { } key) return;
        var value = tensors[key];
        tensors[key] = cat([value, value], 0);
        SafetensorsWriter.Write(opened.WeightsFile, tensors);
        Refusal.Of(bench, () => opened.LoadInto(bench.Peft, "first"), key, opened.WeightsFile);
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Missing_And_Stray_Tensors(string architecture, string method)
    {
        using var folder = new TempFolder();
        using var bench = Saved(architecture, method, folder, out var opened);
        var tensors = Read(opened.WeightsFile);
        var (key, value) = tensors.Last();
        tensors.Remove(key);
        SafetensorsWriter.Write(opened.WeightsFile, tensors);
        Refusal.Of(bench, () => opened.LoadInto(bench.Peft, "first"), key, opened.WeightsFile);
        tensors.Add(key, value);
        tensors.Add("stray.weight", ones(2));
        SafetensorsWriter.Write(opened.WeightsFile, tensors);
        Refusal.Of(bench, () => opened.LoadInto(bench.Peft, "first"), "stray.weight", opened.WeightsFile);
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Wrong_Base(string architecture, string method)
    {
        // Coefficients fit maps of any size, and where there is no head nothing else tells.
        if (architecture == "t5" && method == "fourierft") return;
        using var folder = new TempFolder();
        using var bench = Saved(architecture, method, folder, out var opened);
        using var wider = new Bench(architecture, width: 48);
        if (Shapes(bench, method).SequenceEqual(Shapes(wider, method))) return; // what is as wide in both fits both
        Refusal.Of(wider, () => opened.LoadInto(wider.Peft), folder.Root);
    }

    private static IReadOnlyList<string> Shapes(Bench bench, string method)
    {
        var adapter = bench.Add(method, "shapes");
        string[] shapes = [.. adapter.Tensors.Concat(adapter.Frozen).Select(t => $"{t.Name} {string.Join(' ', t.Value.shape)}")];
        bench.Peft.Remove(adapter.Name);
        return shapes;
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Name_That_Is_Taken(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        bench.Add(method, "mine");
        Refusal.Of(bench, () => bench.Add(method, "mine"), "\"mine\"");
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Choices_For_Another_Number_Of_Rows(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        bench.Add(method, "mine");
        Refusal.Of(bench, () => bench.Logits(bench.Peft.SelectPerRow(["mine", null, "mine"])), "4", "3");
        Refusal.Of(bench, () => bench.Logits(bench.Peft.SelectPerRow([null, "mine", null, null, null])), "4", "5");
    }

    [Theory]
    [MemberData(nameof(MatrixCases.Mergeable), MemberType = typeof(MatrixCases))]
    public void Merging_Twice_And_Selecting_What_Is_Merged(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        bench.Add(method, "mine");
        bench.Add(method, "other", 12);
        bench.Peft.Merge("mine");
        Refusal.Of(bench, () => bench.Peft.Merge("mine"), "\"mine\"");
        Refusal.Of(bench, () => bench.Peft.Merge("other"), "\"mine\"");
        Refusal.Of(bench, () => bench.Peft.Select("mine"), "\"mine\"");
        Refusal.Of(bench, () => bench.Peft.SelectPerRow(["mine", null, null, null]), "\"mine\"");
    }

    [Fact]
    public void Unknown_Names()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add("no-such-method"), "\"no-such-method\"", "lora");
        Refusal.Of(bench, () => bench.Peft.Select("nobody"), "\"nobody\"");
        Refusal.Of(bench, () => bench.Peft.Merge("nobody"), "\"nobody\"");
        Refusal.Of(bench, () => bench.Peft.Remove("nobody"), "\"nobody\"");
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("adapter_config.json"), """{ "peft_type": "NO_SUCH_METHOD" }""");
        Refusal.Sentence(() => AdapterFolder.Open(folder.Root), "NO_SUCH_METHOD", folder.Root);
        Refusal.Sentence(() => AdapterFolder.Open(folder.File("nowhere")), "nowhere");
    }

    // The adapter is on disk; the model is as fresh.
    private static Bench Saved(string architecture, string method, TempFolder folder, out AdapterFolder opened)
    {
        var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        AdapterFolder.Save(adapter, folder.Root, adapter.Options.Format);
        bench.Peft.Remove(adapter.Name);
        opened = AdapterFolder.Open(folder.Root);
        return bench;
    }

    private static Dictionary<string, Tensor> Read(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return file.Tensors.Keys.Order(StringComparer.Ordinal).ToDictionary(k => k, k => file.Read(k).clone());
    }
}
