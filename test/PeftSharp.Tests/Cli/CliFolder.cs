using System.Text.Json.Nodes;
using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Tests.Cli;

/// <summary>A temporary folder with a tiny random BERT, its vocabulary, and data that it can learn.</summary>
public sealed class CliFolder : IDisposable
{
    private static readonly string[] Good = ["good", "fine", "great", "nice"],
        Bad = ["bad", "poor", "awful", "dull"], Things = ["film", "book", "song", "play"];

    public CliFolder()
    {
        Directory.CreateDirectory(Model);
        string[] vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "is", "very", .. Good, .. Bad, .. Things];
        File.WriteAllLines(Path.Combine(Model, "vocab.txt"), vocabulary);
        var config = new JsonObject
        {
            ["model_type"] = "bert",
            ["architectures"] = new JsonArray("BertModel"),
            ["hidden_size"] = 32,
            ["intermediate_size"] = 64,
            ["num_hidden_layers"] = 2,
            ["num_attention_heads"] = 4,
            ["max_position_embeddings"] = 40,
            ["type_vocab_size"] = 2,
            ["vocab_size"] = vocabulary.Length,
            ["hidden_dropout_prob"] = 0.0,
            ["attention_probs_dropout_prob"] = 0.0,
            ["initializer_range"] = 0.2,
        };
        ModelWriter.Write(ModelLoader.Create(ModelConfig.From(config), null, new ModelOptions { Task = TaskKind.Embedding }), Model);
        File.WriteAllText(Path.Combine(Model, "config.json"), config.ToJsonString());
        File.WriteAllText(Train, Rows(64, 1));
        File.WriteAllText(Dev, Rows(24, 2));
    }

    public string Root { get; } = TestPaths.Temporary("peftsharp-cli-");

    public string Model => File_("model");

    public string Train => File_("train.tsv");

    public string Dev => File_("dev.tsv");

    public string File_(string name) => Path.Combine(Root, name);

    /// <summary>Trains an adapter, with what a test asks besides.</summary>
    internal Peft.Result TrainTo(string name, params string[] more) => Peft.Run(
        [
            "train", "--base", Model, .. Unless(more, "--method", "lora"), "--data", Train, "--out", File_(name),
            .. Unless(more, "--epochs", "30"), .. Unless(more, "--eval-data", Dev), .. Unless(more, "--lr", "2e-2"), "--compute", "fp32",
            .. more,
        ]);

    /// <summary>What lies in the folder itself, for tests that nothing is left over.</summary>
    public string[] Entries => [.. Directory.GetFileSystemEntries(Root).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static string[] Unless(string[] given, string option, string value) => given.Contains(option) ? [] : [option, value];

    private static string Rows(int count, int seed)
    {
        var random = new Random(seed);
        var lines = Enumerable.Range(0, count).Select(i =>
        {
            var words = i % 2 == 0 ? Bad : Good;
            return $"the {Things[random.Next(4)]} is "
                + $"{(random.Next(2) == 0 ? "very " : "")}{words[random.Next(4)]}\t{(i % 2 == 0 ? "negative" : "positive")}";
        });
        return string.Join('\n', lines.Prepend("sentence\tlabel")) + "\n";
    }
}
