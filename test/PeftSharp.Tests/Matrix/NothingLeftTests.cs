using PeftSharp.Tests.Life;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 9: a step leaves no tensor behind, and no draw leans on a hidden generator.</summary>
[Collection(nameof(CountingTensors))]
public sealed class NothingLeftTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Core), MemberType = typeof(MatrixCases))]
    public void Step_Leaves_No_Tensor_Behind(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        using var optimizer = Bench.Optimizer(adapter);
        bench.Step(adapter, optimizer, 0, training: true, checkpointing: true); // what is made once is made here
        using var generator = random.get_rng_state();
        LiveTensors.Measure(since =>
        {
            using (zeros(1)) Assert.Equal(1, since()); // the counter counts
            for (var step = 1; step <= 4; step++) bench.Step(adapter, optimizer, step, training: true, checkpointing: step > 2);
            using (bench.Logits(adapter)) { }
            Assert.Equal(0, since());
        });
        using var after = random.get_rng_state();
        Bits.AssertSame(generator, after, "The state of the global generator");
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
}

/// <summary>Tests that count live tensors: nothing else may run beside them.</summary>
[CollectionDefinition(nameof(CountingTensors), DisableParallelization = true)]
public sealed class CountingTensors;
