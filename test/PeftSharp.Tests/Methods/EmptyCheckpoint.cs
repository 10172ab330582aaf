using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Methods;

/// <summary>A checkpoint of full size that holds zeros and takes no room: a sparse file.</summary>
internal static partial class EmptyCheckpoint
{
    private const int FewTokens = 7; // stands for the vocabulary: no other dimension is as small

    /// <summary>Writes config.json and model.safetensors.</summary>
    public static void Write(TempFolder folder, JsonObject config)
    {
        var header = new JsonObject();
        long end = 0;
        foreach (var (name, shape) in Tensors(config))
        {
            var bytes = shape.Aggregate(4L, (all, dimension) => all * dimension);
            header[name] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray([.. shape.Select(d => (JsonNode)d)]),
                ["data_offsets"] = new JsonArray(end, end + bytes),
            };
            end += bytes;
        }
        var text = header.ToJsonString();
        var json = Encoding.UTF8.GetBytes(text.PadRight((text.Length + 7) / 8 * 8));
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        File.WriteAllText(folder.File("config.json"), config.ToJsonString());
        using var file = File.Create(folder.File("model.safetensors"));
        file.Write(length);
        file.Write(json);
        file.SetLength(8 + json.Length + end);
    }

    /// <summary>The task that peft counts a model for.</summary>
    public static ModelOptions Options(JsonObject config) => config["model_type"]!.ToString() switch
    {
        "bert" or "roberta" or "distilbert" => new() { Task = TaskKind.Classification, Labels = ["no", "yes"] },
        "t5" => new() { Task = TaskKind.SequenceToSequence },
        _ => new() { Task = TaskKind.CausalLanguage },
    };

    // Where the number of the first layer stands; T5's layers have numbered parts besides.
    [GeneratedRegex(@"(?<=\b(layers?|block|h))\.0\.")]
    private static partial Regex FirstLayer();

    // Names and shapes from a model of one layer and few words, its layer repeated and its words made as many as they are.
    private static IEnumerable<(string Name, long[] Shape)> Tensors(JsonObject config)
    {
        var layers = ((string[])["num_hidden_layers", "n_layer", "num_layers"]).First(config.ContainsKey);
        var small = (JsonObject)config.DeepClone();
        (small[layers], small["vocab_size"]) = (1, FewTokens);
        var model = ModelLoader.Create(ModelConfig.From(small), null, Options(config));
        foreach (var slot in model.Sites.Slots)
        {
            var shape = slot.Value.shape.Select(d => d == FewTokens ? config["vocab_size"]!.GetValue<int>() : d).ToArray();
            if (slot is WeightSlot { IsTransposedOnDisk: true }) shape = [shape[1], shape[0]];
            slot.Value.Dispose();
            var layer = FirstLayer().Match(slot.Name);
            for (var i = 0; i < (layer.Success ? config[layers]!.GetValue<int>() : 1); i++)
                yield return (
                    layer.Success ? $"{slot.Name[..layer.Index]}.{i}.{slot.Name[(layer.Index + layer.Length)..]}" : slot.Name, shape);
        }
    }
}
