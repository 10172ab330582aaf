using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Runs.Results;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Methods;

/// <summary>
/// The numbers of trained and of all weights equal those that peft prints, for published model shapes of up to 180 billion weights, none of
/// which is there.
/// </summary>
public sealed class ParameterCountTests
{
    // The methods of the reference file, as peft configures them.
    private static readonly Dictionary<string, string> Settings = new()
    {
        ["lora r=8"] = """{ "peft_type": "LORA", "r": 8 }""",
        ["lora r=16 all-linear"] = """{ "peft_type": "LORA", "r": 16, "target_modules": "all-linear" }""",
        ["ia3"] = """{ "peft_type": "IA3" }""",
        ["prompt 20"] = """{ "peft_type": "PROMPT_TUNING", "num_virtual_tokens": 20 }""",
        ["prefix 20"] = """{ "peft_type": "PREFIX_TUNING", "num_virtual_tokens": 20 }""",
        ["p-tuning 20 h=128"] = """{ "peft_type": "P_TUNING", "num_virtual_tokens": 20, "encoder_hidden_size": 128 }""",
        ["adaption-prompt len=10 layers=30"] = """{ "peft_type": "ADAPTION_PROMPT", "adapter_len": 10, "adapter_layers": 30 }""",
    };

    private static JsonNode Reference => JsonNode.Parse(File.ReadAllText(TestPaths.Fixture("parameter-counts.json")))!;

    public static TheoryData<string> Models => new(Reference["models"]!.AsObject().Select(m => m.Key));

    [Theory]
    [MemberData(nameof(Models))]
    public void Agree_With_Peft(string name)
    {
        using var model = new PeftModel(ModelLoader.Shapes(ModelConfig.From((JsonObject)Reference["models"]![name]!.DeepClone())));
        var counted = 0;
        foreach (var count in Counts(name))
        {
            var settings = (JsonObject)JsonNode.Parse(Settings[count["method"]!.ToString()])!;
            // peft's own choice for Qwen2 is another than (IA)³'s keys and values.
            if (name.StartsWith("qwen2", StringComparison.Ordinal) && settings["peft_type"]!.ToString() == "IA3")
                (settings["target_modules"], settings["feedforward_modules"]) =
                    (new JsonArray("q_proj", "v_proj", "down_proj"), new JsonArray("down_proj"));
            if (MethodRegistry.ByPeftType(settings["peft_type"]!.ToString()) is not { } info) continue;
            var adapter = model.Add(AdapterJson.Parse(settings, info, "parameter-counts.json"));
            Assert.Equal(count["line"]!.ToString(), ParameterCount.Of(model, adapter).Text);
            Assert.Equal(count["trainable"]!.GetValue<long>(), adapter.TrainedWeights);
            model.Remove(adapter.Name);
            counted++;
        }
        Assert.True(counted > 2, $"{counted} methods were counted");
    }

    [Fact]
    public void Full_Size_Checkpoints_Count_The_Same()
    {
        using var folder = new TempFolder();
        var config = (JsonObject)Reference["models"]!["qwen2.5-0.5b"]!.DeepClone();
        EmptyCheckpoint.Write(folder, config);
        using var stored = ModelLoader.Load(folder.Root, EmptyCheckpoint.Options(config));
        using var shapes = ModelLoader.Shapes(ModelConfig.From(config));
        Assert.Equal(stored.Sites.Slots.Select(s => (s.Name, s.Count)), shapes.Sites.Slots.Select(s => (s.Name, s.Count)));
    }

    private static IEnumerable<JsonNode> Counts(string model) =>
        Reference["counts"]!.AsArray().Where(c => c!["model"]!.ToString() == model)!;
}
