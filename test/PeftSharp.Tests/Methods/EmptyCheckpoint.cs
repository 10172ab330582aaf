using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Tests.Checkpoints;

namespace PeftSharp.Tests.Methods;

/// <summary>A checkpoint of full size that holds zeros and takes no room: a sparse file.</summary>
internal static class EmptyCheckpoint
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

    // Names and shapes from a model of one layer and few words, its layer repeated and its words made as many as they are.
    private static IEnumerable<(string Name, long[] Shape)> Tensors(JsonObject config)
    {
        var layers = ((string[])["num_hidden_layers", "n_layer", "num_layers"]).First(config.ContainsKey);
        var small = (JsonObject)config.DeepClone();
        (small[layers], small["vocab_size"]) = (1, FewTokens);
        var model = ModelLoader.Create(ModelConfig.From(small), null, new ModelOptions { Task = TaskKind.Classification, Labels = ["no", "yes"] });
        foreach (var slot in model.Sites.Slots)
        {
            var shape = slot.Value.shape.Select(d => d == FewTokens ? config["vocab_size"]!.GetValue<int>() : d).ToArray();
            slot.Value.Dispose();
            for (var i = 0; i < (slot.Name.Contains(".0.", StringComparison.Ordinal) ? config[layers]!.GetValue<int>() : 1); i++)
                yield return (slot.Name.Replace(".0.", $".{i}.", StringComparison.Ordinal), shape);
        }
    }
}
