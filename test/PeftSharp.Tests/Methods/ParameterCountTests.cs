using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Methods;

/// <summary>The numbers of trained and of all weights equal those that peft prints, for published model shapes.</summary>
/// <remarks>
/// The shapes are loaded at full size from checkpoints of zeros: sparse files that are memory-mapped and never read. Shapes of
/// more than a billion weights are left out; not every system sets that much address space aside.
/// </remarks>
public sealed class ParameterCountTests
{
    private const long Largest = 1_000_000_000;

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

    public static TheoryData<string> Models => new(Reference["models"]!.AsObject()
        .Where(m => ModelLoader.Supported.Contains(m.Value!["model_type"]!.ToString()))
        .Select(m => m.Key).Where(m => Counts(m).Any() && Counts(m).All(c => c["all"]!.GetValue<long>() < Largest)));

    [Theory]
    [MemberData(nameof(Models))]
    public void Agree_With_Peft(string name)
    {
        using var folder = new TempFolder();
        EmptyCheckpoint.Write(folder, (JsonObject)Reference["models"]![name]!.DeepClone());
        var model = new PeftModel(ModelLoader.Load(folder.Root, EmptyCheckpoint.Options((JsonObject)Reference["models"]![name]!)));
        try
        {
            foreach (var count in Counts(name))
            {
                var settings = (JsonObject)JsonNode.Parse(Settings[count["method"]!.ToString()])!;
                if (MethodRegistry.ByPeftType(settings["peft_type"]!.ToString()) is not { } info) continue;
                if (info.PeftType is "PROMPT_TUNING" or "P_TUNING" && model.Model.Sites.Inputs.Count > 1)
                {
                    Assert.Contains("not supported yet", Assert.Throws<PeftException>(() => model.Add(info.CreateOptions())).Message);
                    continue;
                }
                var adapter = model.Add(AdapterJson.Parse(settings, info, "parameter-counts.json"));
                Assert.Equal(count["trainable"]!.GetValue<long>(), adapter.TrainedWeights);
                Assert.Equal(count["all"]!.GetValue<long>(), model.AllWeights(adapter));
                model.Remove(adapter.Name);
            }
        }
        finally
        {
            foreach (var slot in model.Model.Sites.Slots) slot.Value.Dispose();
        }
    }

    private static IEnumerable<JsonNode> Counts(string model) => Reference["counts"]!.AsArray().Where(c => c!["model"]!.ToString() == model)!;
}
