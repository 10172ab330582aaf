using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>A Llama of random weights, written as shards in bfloat16 a few layers at a time: for memory, not for answers.</summary>
internal static class SyntheticLlama
{
    // Shapes of published models of about that size.
    private static readonly Dictionary<string, Shape> Shapes = new()
    {
        ["10M"] = new(256, 4, 8, 4, 688, 8000),
        ["135M"] = new(576, 30, 9, 3, 1536, 49152),
        ["1.1B"] = new(2048, 22, 32, 4, 5632, 32000),
        ["3B"] = new(3072, 28, 24, 8, 8192, 32000),
        ["7B"] = new(4096, 32, 32, 32, 11008, 32000),
    };

    public static string Sizes => string.Join(", ", Shapes.Keys);

    /// <param name="folder">Where it is written.</param>
    /// <param name="size">One of <see cref="Sizes"/>.</param>
    public static void Write(string folder, string size)
    {
        if (!Shapes.TryGetValue(size, out var shape)) throw new ArgumentException($"The size is \"{size}\"; expected {Sizes}.");
        Directory.CreateDirectory(folder);
        List<List<(string Name, long[] Shape)>> shards = [[("model.embed_tokens.weight", [shape.Vocabulary, shape.Hidden])]];
        for (var layer = 0; layer < shape.Layers; layer++)
        {
            if (layer % shape.LayersOfAShard == 0) shards.Add([]);
            shards[^1].AddRange(shape.Layer(layer));
        }
        shards.Add([("model.norm.weight", [shape.Hidden]), ("lm_head.weight", [shape.Vocabulary, shape.Hidden])]);
        var map = new JsonObject();
        var weights = 0L;
        for (var i = 0; i < shards.Count; i++)
        {
            var file = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors");
            using var scope = NewDisposeScope();
            SafetensorsWriter.Write(Path.Combine(folder, file), shards[i].Select(t => KeyValuePair.Create(t.Name, Values(t.Shape))));
            foreach (var (name, own) in shards[i])
            {
                map[name] = file;
                weights += own.Aggregate(1L, (all, n) => all * n);
            }
            Console.WriteLine($"{file}: {shards[i].Count} tensors");
        }
        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = 2 * weights }, ["weight_map"] = map };
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), index.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "config.json"), shape.Config.ToJsonString());
        Console.WriteLine($"{folder}: {weights:N0} weights, {2 * weights >> 20:N0} MB");
    }

    private static Tensor Values(long[] shape)
    {
        if (shape.Length == 1) return ones(shape, dtype: ScalarType.BFloat16);
        using var values = randn(shape).mul_(0.02);
        return values.to(ScalarType.BFloat16);
    }

    private sealed record Shape(int Hidden, int Layers, int Heads, int KeyHeads, int Inner, int Vocabulary)
    {
        // Shards of about half a gigabyte.
        public int LayersOfAShard => (int)Math.Max(1, (1L << 29) / (2L * (2 * Hidden * (long)Hidden + 3 * Hidden * (long)Inner)));

        public JsonObject Config => new()
        {
            ["model_type"] = "llama",
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["hidden_size"] = Hidden,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KeyHeads,
            ["intermediate_size"] = Inner,
            ["vocab_size"] = Vocabulary,
            ["max_position_embeddings"] = 2048,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = 1e-5,
            ["tie_word_embeddings"] = false,
            ["torch_dtype"] = "bfloat16",
        };

        public IEnumerable<(string Name, long[] Shape)> Layer(int layer)
        {
            var (path, keys) = ($"model.layers.{layer}.", (long)Hidden / Heads * KeyHeads);
            yield return (path + "self_attn.q_proj.weight", [Hidden, Hidden]);
            yield return (path + "self_attn.k_proj.weight", [keys, Hidden]);
            yield return (path + "self_attn.v_proj.weight", [keys, Hidden]);
            yield return (path + "self_attn.o_proj.weight", [Hidden, Hidden]);
            yield return (path + "mlp.gate_proj.weight", [Inner, Hidden]);
            yield return (path + "mlp.up_proj.weight", [Inner, Hidden]);
            yield return (path + "mlp.down_proj.weight", [Hidden, Inner]);
            yield return (path + "input_layernorm.weight", [Hidden]);
            yield return (path + "post_attention_layernorm.weight", [Hidden]);
        }
    }
}
