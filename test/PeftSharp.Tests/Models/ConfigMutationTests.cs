using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>
/// Every field of every architecture's configuration with values that make no sense: the model loads, or one sentence says why not. Nothing
/// else happens.
/// </summary>
public sealed class ConfigMutationTests : IDisposable
{
    private static readonly JsonNode?[] Values =
        [
            null, 0, -1, 1, 3, 7, 1024, int.MaxValue, 1e300, 0.3, -0.5, "", "gelu", true, false, new JsonArray(), new JsonArray("p2c", 4),
            new JsonObject { ["rope_type"] = "yarn" },
        ];

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Names => new(ModelLoader.Supported);

    [Theory]
    [MemberData(nameof(Names))]
    public void Loads_Or_Says_Why_Not(string architecture)
    {
        LibTorch.EnsureLoaded();
        var entry = Architectures.Find(architecture)!;
        var config = (JsonObject)JsonNode.Parse(entry.Tiny(32))!;
        var options = new ModelOptions
        {
            Task = entry.Classifies ? TaskKind.Classification : TaskKind.SequenceToSequence,
            Labels = entry.Classifies ? ["no", "yes"] : null,
        };
        Write(config, options);
        var refused = 0;
        foreach (var field in config.Select(f => f.Key).Where(f => f != "model_type").ToList())
            foreach (var value in Values)
            {
                var changed = (JsonObject)config.DeepClone();
                changed[field] = value?.DeepClone();
                refused += Refuses(changed, options, $"{field} = {value?.ToJsonString() ?? "null"}") ? 1 : 0;
            }
        foreach (var field in (string[])["rope_parameters", "rope_scaling", "layer_types", "quantization_config"])
            foreach (var value in Rotary())
            {
                var changed = (JsonObject)config.DeepClone();
                changed[field] = value;
                Refuses(changed, options, $"{field} = {value.ToJsonString()}");
            }
        Assert.True(refused > 50, $"{refused} were refused");
    }

    private static IEnumerable<JsonNode> Rotary() =>
    [
        new JsonObject { ["rope_type"] = "longrope", ["short_factor"] = new JsonArray(1, 2), ["long_factor"] = new JsonArray(1, -2) },
        new JsonObject { ["rope_type"] = "dynamic", ["factor"] = 0 },
        new JsonObject { ["rope_type"] = "warp" },
        new JsonObject { ["rope_theta"] = "ten" },
        new JsonArray("full_attention", "sideways"),
        new JsonArray(1, 2, 3),
    ];

    private bool Refuses(JsonObject config, ModelOptions options, string what)
    {
        File.WriteAllText(_folder.File("config.json"), config.ToJsonString());
        try
        {
            using var model = ModelLoader.Load(_folder.Root, options);
            return false;
        }
        catch (PeftException e)
        {
            Assert.True(e.Message.Length < 1000 && !e.Message.Contains('\n'), $"{what}: {e.Message}");
            return true;
        }
        catch (Exception e) when (e is not Xunit.Sdk.XunitException)
        {
            Assert.Fail($"{what}: {e.GetType().Name}: {e.Message}");
            return true;
        }
    }

    private void Write(JsonObject config, ModelOptions options)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var model = ModelLoader.Create(ModelConfig.From((JsonObject)config.DeepClone()), null, options);
        Tensor Stored(Slot slot) => slot is WeightSlot { IsTransposedOnDisk: true } ? slot.Value.t().contiguous() : slot.Value;
        SafetensorsWriter.Write(
            _folder.File("model.safetensors"), model.Sites.Slots.Select(slot => KeyValuePair.Create(slot.Name, Stored(slot))));
    }

    public void Dispose() => _folder.Dispose();
}
