using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>A tiny random model of each architecture, two layers deep, none of its numbers at a tidy default.</summary>
internal static class TinyModels
{
    /// <summary>
    /// Terms that a number of the last layer is summed from on its way: in each of two layers a projection, attention, and both
    /// feed-forward maps.
    /// </summary>
    public const int LongestSum = 2 * (32 + 9 + 32 + 56);

    /// <summary>The same for a gradient, which is summed over every token of a batch of four rows as well.</summary>
    public const int LongestGradientSum = LongestSum * 36;

    private const int Vocabulary = 97, PadId = 3, AnswerTokens = 4;
    private static readonly long[] Lengths = [9, 6, 4, 8];

    /// <summary>T5 with a head of classes; as <c>t5</c> it answers with texts.</summary>
    public const string TwoStackClasses = "t5-classes";

    /// <summary>The architectures that answer with classes; T5 stands apart.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Architectures.All.Where(a => a.Classifies && a.ModelType != "t5").Select(a => a.ModelType)];

    /// <summary>The architectures that every method meets in every law.</summary>
    public static IReadOnlyList<string> Core { get; } = ["bert", "gpt2", "llama", "t5"];

    /// <summary>What an architecture is asked for in the laws: three classes, or a text of four tokens.</summary>
    public static TaskKind TaskOf(string architecture) =>
        architecture == "t5" ? TaskKind.SequenceToSequence : TaskKind.Classification;

    /// <summary>What the registry says of an architecture.</summary>
    public static Architecture Entry(string architecture) =>
        Architectures.Find(architecture == TwoStackClasses ? "t5" : architecture)!;

    private static readonly ConcurrentDictionary<(string Architecture, int Width), Lazy<string>> Folders = new();

    /// <summary>The model of an architecture: three classes, every tensor off its start.</summary>
    public static TransformerModel Create(string architecture, ScalarType precision = ScalarType.Float32, int width = 32) =>
        Create(architecture, new ModelOptions { Precision = precision }, width);

    /// <summary>The model with the given task's head, by default classification; what the checkpoint lacks of the head is drawn.</summary>
    public static TransformerModel Create(string architecture, ModelOptions options, int width = 32)
    {
        LibTorch.EnsureLoaded();
        set_num_threads(1);
        var folder = Folders.GetOrAdd((architecture, width), key => new(() => Write(key.Architecture, key.Width))).Value;
        return Load(folder, options with { Task = options.Task ?? TaskOf(architecture) });
    }

    /// <summary>The seams of an architecture's model, without numbers.</summary>
    public static SiteMap Shapes(string architecture)
    {
        LibTorch.EnsureLoaded();
        return ModelLoader.Shapes(
            ModelConfig.From((JsonObject)JsonNode.Parse(Entry(architecture).Tiny(32))!), TaskOf(architecture)).Sites;
    }

    private static TransformerModel Load(string folder, ModelOptions options) =>
        ModelLoader.Load(
            folder,
            options with
            {
                Labels = options.Task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.TokenClassification
                    ? ["no", "maybe", "yes"]
                    : null,
            });

    // Fresh models have biases of zero and norms of one; a checkpoint can hold other numbers. It lasts as long as the process.
    private static Tensor OnDisk(Slot slot, Tensor value) =>
        slot is WeightSlot { IsTransposedOnDisk: true } ? value.t().contiguous() : value;

    private static string Write(string architecture, int width)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var json = (JsonObject)JsonNode.Parse(Entry(architecture).Tiny(width))!;
        var task = TaskOf(architecture);
        var model = ModelLoader.Create(
            ModelConfig.From(json), null,
            new ModelOptions { Task = task, Labels = task == TaskKind.Classification ? ["no", "maybe", "yes"] : null, Seed = 7 });
        var folder = new TempFolder();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        SafetensorsWriter.Write(folder.File("model.safetensors"), model.Sites.Slots
            .Select(
                (slot, i) =>
                    KeyValuePair.Create(slot.Name, OnDisk(slot, slot.Value.Plus(Initial.Normal(slot.Value.shape, 0.1, 1000 + (ulong)i))))));
        File.WriteAllText(folder.File("config.json"), json.ToJsonString());
        return folder.Root;
    }

    /// <summary>The given rows beside each other, in that order, padded to a width; nothing is padded where they fill it.</summary>
    /// <param name="rows">Rows of <see cref="Batch"/>.</param>
    /// <param name="width">Tokens; at least those of the longest.</param>
    /// <param name="spelling">True lets the third token of every row be the padding token: a text may spell it.</param>
    /// <param name="task">What the labels are for.</param>
    public static TokenBatch Rows(IReadOnlyList<int> rows, int width, bool spelling = false, TaskKind task = TaskKind.Classification)
    {
        using var all = Batch();
        var (ids, types) = (all.InputIds.data<long>().ToArray(), all.TokenTypeIds!.data<long>().ToArray());
        var (tokens, count) = (all.Tokens, rows.Count * width);
        var (inputs, mask, segments) = (Enumerable.Repeat((long)PadId, count).ToArray(), new long[count], new long[count]);
        for (var r = 0; r < rows.Count; r++)
            for (var t = 0; t < Lengths[rows[r]]; t++)
            {
                var (from, to) = (rows[r] * tokens + t, r * width + t);
                (inputs[to], mask[to], segments[to]) = (spelling && t == 2 ? PadId : ids[from], 1, types[from]);
            }
        long[] shape = [rows.Count, width];
        return new()
        {
            InputIds = tensor(inputs, shape),
            AttentionMask = tensor(mask, shape),
            TokenTypeIds = tensor(segments, shape),
            Labels = LabelsOf(rows, width, task),
            Source = [.. rows],
            RealTokens = (int)mask.Sum(),
            Unpadded = mask.Sum() == count,
        };
    }

    /// <summary>Real tokens of a row.</summary>
    public static int LengthOf(int row) => (int)Lengths[row];

    // Rows carry unequal numbers of labels: of the classes of tokens some are left out, and one answer is cut off.
    private static Tensor LabelsOf(IReadOnlyList<int> rows, int width, TaskKind task) => task switch
    {
        TaskKind.Regression => tensor(rows.Select(r => 0.7f * r - 1).ToArray()),
        // Row 0 has no class, row 3 has two.
        TaskKind.MultiLabel => tensor(
            rows.SelectMany(r => Enumerable.Range(0, 3).Select(c => (r >> c & 1) == 1 ? 1f : 0)).ToArray(), [rows.Count, 3]),
        TaskKind.TokenClassification => tensor(rows.SelectMany(r => Enumerable.Range(0, width)
            .Select(t => t < Lengths[r] && t % (r + 1) == 0 ? (t + r) % 3L : -100)).ToArray(), [rows.Count, width]),
        TaskKind.SequenceToSequence => tensor(rows.SelectMany(r => Enumerable.Range(0, AnswerTokens)
            .Select(t => t < AnswerTokens - r % 3 ? PadId + 1 + (7L * r + 5 * t) % (Vocabulary - PadId - 1) : -100)).ToArray(), [rows.Count,
            AnswerTokens]),
        TaskKind.QuestionAnswering => tensor(rows.SelectMany(r => (long[])[1, r == 2 ? 40 : 3]).ToArray(), [rows.Count, 2]),
        _ => tensor(rows.Select(r => (long)((r + 2) % 3)).ToArray()),
    };

    /// <summary>Four rows of nine tokens, three of them padded, of the given or every row.</summary>
    /// <param name="row">The row; null for all.</param>
    /// <param name="task">What the labels are for: classes, or the tokens of an answer.</param>
    public static TokenBatch Batch(int? row = null, TaskKind task = TaskKind.Classification)
    {
        var (rows, tokens) = (Lengths.Length, (int)Lengths.Max());
        using var scope = NewDisposeScope();
        var draws = Initial.Uniform([rows, tokens], 0.5, 5).data<float>().ToArray();
        // In plain memory: tests read batches beside each other, and a number that TorchSharp wraps for an operator may be freed too early.
        var (ids, mask, types) = (new long[draws.Length], new long[draws.Length], new long[draws.Length]);
        for (var at = 0; at < draws.Length; at++)
        {
            var token = at % tokens;
            var isReal = token < Lengths[at / tokens];
            mask[at] = isReal ? 1 : 0;
            ids[at] = isReal ? (long)((draws[at] + 0.5f) * (Vocabulary - PadId - 1)) + PadId + 1 : PadId;
            types[at] = isReal && token >= 3 ? 1 : 0;
        }
        var labels = task is TaskKind.SequenceToSequence or TaskKind.MultiLabel ? LabelsOf([0, 1, 2, 3], tokens, task)
            : tensor((long[])[2, 0, 1, 2]);
        Tensor Part(Tensor x) => (row is { } r ? x.narrow(0, r, 1) : x).clone().MoveToOuterDisposeScope();
        return new()
        {
            InputIds = Part(tensor(ids, [rows, tokens])),
            AttentionMask = Part(tensor(mask, [rows, tokens])),
            TokenTypeIds = Part(tensor(types, [rows, tokens])),
            Labels = Part(labels),
        };
    }
}
