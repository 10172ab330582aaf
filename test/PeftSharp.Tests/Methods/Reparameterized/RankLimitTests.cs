using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.AdaLora;
using PeftSharp.Methods.Reparameterized.DyLora;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Tests.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Reparameterized;

/// <summary>A rank above that of every map it is given to.</summary>
public sealed class RankLimitTests
{
    public static TheoryData<string> Kinds => ["lora", "adalora", "dylora"];

    private static MethodOptions Options(string kind, int rank) => kind switch
    {
        "adalora" => new AdaLoraOptions { InitialRank = rank, TargetRank = 4 },
        "dylora" => new DyLoraOptions { Rank = rank },
        _ => new LoraOptions { Rank = rank },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Is_Refused_And_The_Rank_Itself_Is_Not(string kind)
    {
        using var model = new PeftModel(ModelLoader.Load(TestPaths.Fixture("models", "bert")));
        model.Add(Options(kind, 32), "whole");
        var message = Assert.Throws<PeftException>(() => model.Add(Options(kind, 33), "more")).Message;
        var setting = kind == "adalora" ? "init_r" : "r";
        Assert.StartsWith(
            $"{kind.ToUpperInvariant()}: \"{setting}\" is 33, but no map that the adapter changes has a rank above 32", message,
            StringComparison.Ordinal);
        Assert.Equal(["whole"], model.Adapters.Keys);
    }

    // Another program may have made it.
    [Fact]
    public void Is_Read_From_A_File()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        var basis = TestPaths.Fixture("models", "bert");
        using (var model = new PeftModel(ModelLoader.Load(basis)))
            AdapterFolder.Save(model.Add(new LoraOptions { Rank = 32 }, "a"), folder.Root);
        var (weights, config) = (folder.File("adapter_model.safetensors"), folder.File("adapter_config.json"));
        Dictionary<string, Tensor> tensors;
        using (var file = SafetensorsFile.Open(weights)) tensors = file.Tensors.Keys.ToDictionary(name => name, file.Read);
        foreach (var name in tensors.Keys.Where(name => name.Contains("lora_", StringComparison.Ordinal)))
        {
            var value = tensors[name];
            var dimension = name.Contains("lora_A", StringComparison.Ordinal) ? 0 : 1;
            tensors[name] = cat([value, value.narrow(dimension, 0, 8)], dimension);
        }
        SafetensorsWriter.Write(weights, tensors);
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"r\": 32", "\"r\": 40", StringComparison.Ordinal));
        using var again = new PeftModel(ModelLoader.Load(basis));
        Assert.Equal(40, ((LoraOptions)AdapterFolder.Open(folder.Root).LoadInto(again).Options).Rank);
    }
}
