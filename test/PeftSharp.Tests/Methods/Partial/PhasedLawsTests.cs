using PeftSharp.Formats;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>
/// What the matrix holds of an adapter as it is attached, held of one that has been through all its phases: on every architecture.
/// </summary>
public sealed class PhasedLawsTests
{
    public static TheoryData<string, string> Cases => new(
        from architecture in TinyModels.Names.Append("t5")
        from method in (string[])["lt-sft", "diff-pruning", "sam", "surgical-block", "chain-thaw"]
        select (architecture, method));

    [Theory]
    [MemberData(nameof(Cases))]
    public void After_A_Run_The_Base_Is_As_It_Was_And_The_Adapter_Merges_And_Comes_Back(string architecture, string method)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench(architecture, ScalarType.Float64);
        var task = TinyModels.TaskOf(architecture);
        var (plain, before) = (bench.Logits(AdapterSelection.None), bench.BaseTensors());
        var adapter = bench.Add(method);
        var data = new Batches([TinyModels.Rows([0, 1], 9, task: task), TinyModels.Rows([2, 3], 9, task: task)]);
        var options = new TrainerOptions { LearningRate = 0.003, MaxSteps = 8, WeightDecay = 0.01 };
        using (var trainer = new Trainer(new TrainableAdapter(bench.Peft, adapter), data, options)) trainer.Run();
        Bits.AssertSame(before, bench.BaseTensors());
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base's output");

        var adapted = bench.Logits(adapter);
        Bits.AssertDiffers(plain, adapted, "Training");
        bench.Peft.Merge(adapter.Name);
        Bits.AssertClose(adapted, bench.Logits(AdapterSelection.None), Rounding.Exact, "The merged output");
        bench.Peft.Unmerge();
        Bits.AssertSame(before, bench.BaseTensors());

        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root);
        using var fresh = new Bench(architecture, ScalarType.Float64);
        Bits.AssertSame(adapted, fresh.Logits(AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft)), "The output after saving and loading");
        bench.Peft.Remove(adapter.Name);
        Assert.Equal(0, bench.Plugins);
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base's output after the adapter was removed");
    }
}
