using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Joint;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Training;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>
/// A joint run of one task is that task trained alone, bit for bit, whatever the method; and what is extracted of it is the same
/// adapter, on disk as well.
/// </summary>
public sealed class JointTests
{
    private static readonly TrainerOptions Options =
        new() { LearningRate = 0.01, MaxSteps = 6, Accumulation = 2, Seed = 5, MaxGradientNorm = 0 };

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var row in MatrixCases.Two)
                if (row.Data.Item2 != "head") data.Add(row.Data.Item1, row.Data.Item2);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void One_Task_Trained_Jointly_Is_That_Task_Trained_Alone(string architecture, string method)
    {
        using var folder = new TempFolder();
        using Bench alone = new(architecture), joint = new(architecture);
        SharedAdapter Share() => new(joint.Peft, TinySettings.Of(method), [new("only", ["no", "maybe", "yes"])], seed: 11);
        if (architecture == "llama" && method == "bitfit")
        {
            Assert.Throws<PeftException>(Share); // it has no biases
            return;
        }
        var adapter = alone.Add(TinySettings.Of(method).ForTask(0, 1));
        using (var trainer = new Trainer(new TrainableAdapter(alone.Peft, adapter), new Rows(), Options)) trainer.Run();

        var shared = Share();
        if (adapter.PhasesReachHead)
        {
            var refused = Assert.Throws<PeftException>(() => new JointAdapters(joint.Peft, shared.Tasks));
            Assert.Contains("train each task alone", refused.Message);
            return;
        }
        var batches = new JointBatches([new Rows()]);
        using (var trainer = new Trainer(new JointAdapters(joint.Peft, shared.Tasks), batches, Options)) trainer.Run();
        if (method.StartsWith("surgical", StringComparison.Ordinal))
        {
            // Rates are measured from gradients, whose sums a head of its own puts in another order.
            Bits.AssertClose(alone.Logits(adapter), joint.Logits(shared.Tasks[0].Selection), 1e-5, "The answer of the task");
            return;
        }
        Bits.AssertSame(alone.Logits(adapter), joint.Logits(shared.Tasks[0].Selection), "The answer of the task");

        var extracted = shared.Extract(0, adapter.Name);
        Assert.Equal(adapter.Tensors.Select(t => t.Name), extracted.Tensors.Select(t => t.Name));
        foreach (var (a, b) in adapter.Tensors.Zip(extracted.Tensors)) Bits.AssertSame(a.Value, b.Value, a.Name);
        Bits.AssertSame(alone.Logits(adapter), joint.Logits(extracted), "The answer of the extracted adapter");
        AdapterFolder.Save(adapter, folder.File("alone"));
        AdapterFolder.Save(extracted, folder.File("joint"));
        foreach (var file in Directory.GetFiles(folder.File("alone")))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(folder.File("joint"), Path.GetFileName(file))));
    }

    /// <summary>One row a batch, in an order that depends on the epoch.</summary>
    private sealed class Rows : IBatchSource
    {
        public int Examples => 4;

        public int BatchesPerEpoch => 4;

        public TokenBatch Batch(int epoch, int index) => TinyModels.Batch((index + epoch) % 4);
    }
}
