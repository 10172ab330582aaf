using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using PeftSharp.Checkpoints;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>A tiny random model of each architecture, two layers deep, none of its numbers at a tidy default.</summary>
internal static class TinyModels
{
    private const int Vocabulary = 97, PadId = 3;
    private static readonly long[] Lengths = [9, 6, 4, 8];

    // By architecture, for a given width.
    private static readonly Dictionary<string, Func<int, string>> Configs = new()
    {
        ["bert"] = width => $$"""
            { "model_type": "bert", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 56, "max_position_embeddings": 41, "type_vocab_size": 3, "hidden_act": "gelu_new", "layer_norm_eps": 1e-5,
              "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.1, "classifier_dropout": 0.2, "pad_token_id": 3, "initializer_range": 0.2 }
            """,
        ["roberta"] = width => $$"""
            { "model_type": "roberta", "vocab_size": 97, "hidden_size": {{width}}, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 56, "max_position_embeddings": 43, "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-5,
              "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.1, "classifier_dropout": 0.2, "pad_token_id": 3, "initializer_range": 0.2 }
            """,
        ["distilbert"] = width => $$"""
            { "model_type": "distilbert", "vocab_size": 97, "dim": {{width}}, "n_layers": 2, "n_heads": 4, "hidden_dim": 56,
              "max_position_embeddings": 41, "activation": "gelu", "dropout": 0.15, "attention_dropout": 0.1, "seq_classif_dropout": 0.2,
              "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    private static readonly ConcurrentDictionary<(string Architecture, int Width), Lazy<string>> Folders = new();

    /// <summary>The model of an architecture: three classes, every tensor off its start.</summary>
    public static TransformerModel Create(string architecture, ScalarType precision = ScalarType.Float32, int width = 32) =>
        Create(architecture, new ModelOptions { Precision = precision }, width);

    public static TransformerModel Create(string architecture, ModelOptions options, int width = 32)
    {
        LibTorch.EnsureLoaded();
        set_num_threads(1);
        var folder = Folders.GetOrAdd((architecture, width), key => new(() => Write(key.Architecture, key.Width))).Value;
        return ModelLoader.Load(folder, options with { Task = TaskKind.Classification, Labels = ["no", "maybe", "yes"] });
    }

    // Fresh models have biases of zero and norms of one; a checkpoint can hold other numbers. It lasts as long as the process.
    private static string Write(string architecture, int width)
    {
        if (!Configs.TryGetValue(architecture, out var text))
            throw new InvalidOperationException($"{architecture} is supported, but the matrix has no tiny configuration of it; add one here.");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var json = (JsonObject)JsonNode.Parse(text(width))!;
        var model = ModelLoader.Create(
            ModelConfig.From(json), null, new ModelOptions { Task = TaskKind.Classification, Labels = ["no", "maybe", "yes"], Seed = 7 });
        var folder = new TempFolder();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        SafetensorsWriter.Write(folder.File("model.safetensors"), model.Sites.Slots
            .Select((slot, i) => KeyValuePair.Create(slot.Name, slot.Value + Initial.Normal(slot.Value.shape, 0.1, 1000 + (ulong)i))));
        File.WriteAllText(folder.File("config.json"), json.ToJsonString());
        return folder.Root;
    }

    /// <summary>Four rows of nine tokens, three of them padded, of the given or every row.</summary>
    public static TokenBatch Batch(int? row = null)
    {
        long rows = Lengths.Length, tokens = Lengths.Max();
        using var scope = NewDisposeScope();
        var mask = (arange(tokens, ScalarType.Int64).unsqueeze(0) < tensor(Lengths).unsqueeze(1)).to(ScalarType.Int64);
        var ids = (Initial.Uniform([rows, tokens], 0.5, 5).add(0.5) * (Vocabulary - PadId - 1)).to(ScalarType.Int64) + PadId + 1;
        var types = (arange(tokens, ScalarType.Int64) >= 3).to(ScalarType.Int64).unsqueeze(0) * mask;
        var labels = tensor((long[])[2, 0, 1, 2]);
        Tensor Part(Tensor x) => (row is { } r ? x.narrow(0, r, 1) : x).clone().MoveToOuterDisposeScope();
        return new()
        {
            InputIds = Part(ids * mask + PadId * (1 - mask)),
            AttentionMask = Part(mask),
            TokenTypeIds = Part(types),
            Labels = Part(labels),
        };
    }
}
