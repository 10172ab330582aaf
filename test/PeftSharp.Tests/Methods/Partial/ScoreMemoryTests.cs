using System.Globalization;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods.Partial.Fish;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Importance scores come in a stream: what they take beside the model is one score for each weight.</summary>
[Collection(nameof(CountingTensors))]
public sealed class ScoreMemoryTests
{
    [Fact]
    public void Choosing_Takes_Less_Than_Half_Of_The_Model_Beside_One_Score_For_Each_Weight()
    {
        var folder = TestPaths.RequireShared("models", "all-MiniLM-L6-v2");
        Assert.SkipUnless(File.Exists("/proc/self/clear_refs"), "The peak of a process can be set back on Linux alone.");
        var options = new ModelOptions { Task = TaskKind.Classification, Labels = ["no", "yes"] };
        using var model = new PeftModel(ModelLoader.Load(folder, options));
        var bytes = 4 * model.Model.Sites.Count;
        var data = new Batches([.. Enumerable.Range(0, 3).Select(i => Texts(i))]);
        // What is made once (compiled code, kernels) is made here, and the mapped file is in memory.
        new TrainableAdapter(model, model.Add(new FishOptions(), "first")).Prepare(data, 0);
        model.Remove("first");
        var fish = (FishMethod)model.Add(new FishOptions());
        var trained = new TrainableAdapter(model, fish);
        foreach (var slot in model.Model.Sites.Slots)
            using (slot.Value.sum()) { }
        GC.Collect();
        GC.WaitForPendingFinalizers();
        NativeHeap.Trim();
        File.WriteAllText("/proc/self/clear_refs", "5");
        var before = Peak();
        trained.Prepare(data, 0);
        var taken = Peak() - before;
        Assert.Equal("empirical", fish.ChosenBy);
        // Of a model as small as this one, most of it are activations and what the allocator keeps.
        Assert.True(taken < 0.5 * bytes + bytes, $"{taken:N0} bytes beside a model of {bytes:N0}.");
        Assert.True(taken > 0.5 * bytes, $"{taken:N0} bytes are less than the scores: the peak was not measured.");
    }

    private static TokenBatch Texts(int seed)
    {
        long[] ids = [.. Enumerable.Range(0, 40).Select(i => 1000L + (i * 37 + seed * 11) % 20_000)];
        return new()
        {
            InputIds = tensor(ids, [1, 40]),
            AttentionMask = ones([1, 40], ScalarType.Int64),
            TokenTypeIds = zeros([1, 40], ScalarType.Int64),
            Labels = tensor((long[])[seed % 2]),
            RealTokens = 40,
            Unpadded = true,
        };
    }

    private static long Peak()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
