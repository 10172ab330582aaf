using PeftSharp.Tests.Life;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 9: a step leaves no tensor behind, and the same seed gives the same bits.</summary>
[Collection(nameof(CountingTensors))]
public sealed class RepeatabilityTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Core), MemberType = typeof(MatrixCases))]
    public void Step_Leaves_No_Tensor_Behind(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        using var optimizer = Bench.Optimizer(adapter);
        bench.Step(adapter, optimizer, 0, training: true, checkpointing: true); // what is made once is made here
        LiveTensors.Measure(since =>
        {
            using (zeros(1)) Assert.Equal(1, since()); // the counter counts
            for (var step = 1; step <= 4; step++) bench.Step(adapter, optimizer, step, training: true, checkpointing: step > 2);
            using (bench.Logits(adapter)) { }
            Assert.Equal(0, since());
        });
    }

    [Theory]
    [MemberData(nameof(MatrixCases.Core), MemberType = typeof(MatrixCases))]
    public void Attaching_And_Removing_Leaves_No_Tensor_Behind(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        void Visit()
        {
            bench.Add(method);
            bench.Peft.Remove("first");
        }
        Visit();
        LiveTensors.AssertNoneLeft(Visit);
    }

    [Theory]
    [MemberData(nameof(MatrixCases.Core), MemberType = typeof(MatrixCases))]
    public void Same_Seed_Gives_The_Same_Bits_Dropout_Included(string architecture, string method)
    {
        using Bench once = new(architecture), again = new(architecture);
        var (first, second) = (once.Add(method), again.Add(method));
        once.Train(first, training: true);
        again.Train(second, training: true);
        Assert.Equal(first.Tensors.Count, second.Tensors.Count);
        foreach (var (a, b) in first.Tensors.Zip(second.Tensors)) Bits.AssertSame(a.Value, b.Value, a.Name);
        Bits.AssertSame(once.Logits(first), again.Logits(second), "The output of a second run");
    }
}

/// <summary>Tests that count live tensors: nothing else may run beside them.</summary>
[CollectionDefinition(nameof(CountingTensors), DisableParallelization = true)]
public sealed class CountingTensors;
