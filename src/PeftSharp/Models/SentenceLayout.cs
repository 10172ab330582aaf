using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models.Heads;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// A model whose answer comes from the mean of its tokens, or from the first one without a pooler, as sentence-transformers lays it out:
/// the bare model, a pooling and a linear map for each stage of the head, so that its <c>encode</c> gives our logits. Hugging Face's own
/// classes have no place for it.
/// </summary>
internal static class SentenceLayout
{
    private const string Types = "sentence_transformers.models.";

    private static readonly Dictionary<string, string> Activations = new()
    {
        ["linear"] = "torch.nn.modules.linear.Identity",
        ["tanh"] = "torch.nn.modules.activation.Tanh",
        ["relu"] = "torch.nn.modules.activation.ReLU",
        ["gelu"] = "torch.nn.modules.activation.GELU",
    };

    /// <summary>What the tensors of a model's head are called in a checkpoint of this layout; empty for one without it.</summary>
    public static IReadOnlyDictionary<string, string> HeadNames(Checkpoint checkpoint, Architecture architecture)
    {
        var paths = architecture.ClassifierMaps;
        if (paths.Count == 0 || checkpoint.Modules is not { } modules || modules.Dense.Count != paths.Count)
            return new Dictionary<string, string>();
        return paths.Zip(modules.Dense)
            .SelectMany(
                p =>
                    new[] { "weight", "bias" }.Select(
                        part => KeyValuePair.Create($"{p.First}.{part}", Checkpoint.DenseName(p.Second, part))))
            .Where(p => checkpoint.Contains(p.Value)).ToDictionary();
    }

    /// <summary>Writes everything but the transformer's own files.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="maxLength">Most tokens a row.</param>
    /// <param name="value">Gives a tensor of the head, by name, in the type that is written.</param>
    public static void Write(TransformerModel model, string folder, int maxLength, Func<string, Tensor> value)
    {
        var modules = new JsonArray(Module(0, "", "Transformer"), Module(1, "1_Pooling", "Pooling"));
        var mean = model.Card.Pooling == Pooling.Mean;
        Text(folder, "1_Pooling/config.json", new JsonObject
        {
            ["word_embedding_dimension"] = model.Width,
            ["pooling_mode_cls_token"] = !mean,
            ["pooling_mode_mean_tokens"] = mean,
            ["pooling_mode_max_tokens"] = false,
            ["pooling_mode_mean_sqrt_len_tokens"] = false,
            ["pooling_mode_weightedmean_tokens"] = false,
            ["pooling_mode_lasttoken"] = false,
            ["include_prompt"] = true,
        });
        foreach (var stage in model.Head.Stages)
        {
            var path = $"{modules.Count}_Dense";
            modules.Add(Module(modules.Count, path, "Dense"));
            Text(folder, $"{path}/config.json", new JsonObject
            {
                ["in_features"] = stage.Map.InFeatures,
                ["out_features"] = stage.Map.OutFeatures,
                ["bias"] = true,
                ["activation_function"] = Activations[stage.Activation],
            });
            SafetensorsWriter.Write(
                Path.Combine(folder, path, "model.safetensors"),
                [
                    KeyValuePair.Create("linear.weight", value($"{stage.Map.Path}.weight")),
                    KeyValuePair.Create("linear.bias", value($"{stage.Map.Path}.bias")),
                ],
                new Dictionary<string, string> { ["format"] = "pt" });
        }
        Text(folder, "sentence_bert_config.json", new JsonObject { ["max_seq_length"] = maxLength, ["do_lower_case"] = false });
        Text(folder, SentenceModules.FileName, modules);
    }

    private static JsonObject Module(int index, string path, string kind) =>
        new() { ["idx"] = index, ["name"] = $"{index}", ["path"] = path, ["type"] = Types + kind };

    private static void Text(string folder, string name, JsonNode json)
    {
        var file = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        AtomicFile.WriteText(file, ModelWriter.Text(json));
    }
}
