using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using PeftSharp.Training.Optimizers.Memory;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Training;

/// <summary>An optimizer's state in a mapped file is the state; in eight bits it is what the map's nearest levels say.</summary>
public sealed class OptimizerMemoryTests
{
    [Fact]
    public void Levels_Are_Those_Of_The_Dynamic_Map()
    {
        Assert.Equal(
            DoubleQuantization.Map.ToArray(), DynamicMap.Signed.Values.ToArray(), (a, b) => Math.Abs(a - b) <= 2e-7f * Math.Abs(a));
        var unsigned = DynamicMap.Unsigned.Values.ToArray();
        Assert.Equal(256, unsigned.Distinct().Count());
        Assert.Equal((0f, 1f), (unsigned[0], unsigned[^1]));
        Assert.Equal(128, unsigned.Count(level => level is > 0.1f and < 1));
        // The lowest decade has two: the midpoints of 1e-7 … 5.5e-7 … 1e-6.
        Assert.Equal([3.25e-7f, 7.75e-7f], unsigned[1..3], (a, b) => Math.Abs(a - b) < 1e-13f);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_Code_Is_That_Of_The_Nearest_Level(bool signed)
    {
        var map = signed ? DynamicMap.Signed : DynamicMap.Unsigned;
        var levels = map.Values.ToArray();
        for (var code = 0; code < 256; code++) Assert.Equal(code, map.Code(levels[code]));
        // On a border the lower one, and one step beyond it the next: no cell of the search holds two.
        for (var code = 0; code < 255; code++)
        {
            var border = (levels[code] + levels[code + 1]) / 2;
            Assert.Equal((code, code + 1), (map.Code(border), map.Code(MathF.BitIncrement(border))));
        }
        var random = new Random(4);
        for (var i = 0; i < 20_000; i++)
        {
            var x = (float)((signed ? random.NextDouble() * 2 - 1 : random.NextDouble()) * Math.Pow(10, -8 * random.NextDouble()));
            var nearest = levels.Min(level => Math.Abs(level - x));
            Assert.True(Math.Abs(levels[map.Code(x)] - x) <= nearest * 1.000001f, $"{x}");
        }
        Assert.Equal(0, levels[map.Code(0)]);
        Assert.Equal(1, levels[map.Code(float.PositiveInfinity)]);
        Assert.Equal(levels[0], levels[map.Code(-2)]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_Paged_State_Is_The_State_Bit_For_Bit(bool eightBit)
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        var (plain, paged) = (Leaves(), Leaves());
        IOptimizer Make(Tensor[] leaves, IStateMemory memory) => eightBit
            ? new BlockwiseAdamW(
                Parameters(leaves), weightDecay: 0.1, memory: memory) : new AdamW(Parameters(leaves), weightDecay: 0.1, memory: memory);
        using var first = Make(plain, new WorkingMemory());
        using var second = Make(paged, new MappedMemory(folder.Root));
        if (!OperatingSystem.IsWindows()) Assert.Empty(Directory.GetFiles(folder.Root)); // it has no name any more
        for (var step = 0; step < 4; step++)
        {
            Step(first, plain, step);
            Step(second, paged, step);
        }
        foreach (var (a, b) in plain.Zip(paged)) Bits.AssertSame(a, b, "The weights");
        Assert.Equal(first.State.Keys.Order(), second.State.Keys.Order());
        foreach (var (name, value) in first.State) Assert.True(value.eq(second.State[name]).all().item<bool>(), name);
    }

    [Fact]
    public void Eight_Bits_Are_The_Same_Update_With_Rounded_Means()
    {
        using var scope = NewDisposeScope();
        var leaf = Initial.Normal([5000], 1, 3).requires_grad_();
        using var adam = new BlockwiseAdamW([new("w", leaf, true)], 0.9, 0.99, 1e-8, 0.1);
        var (w, m, v) = (leaf.detach().data<float>().ToArray(), new float[5000], new float[5000]);
        for (var step = 1; step <= 3; step++)
        {
            (leaf.pow(3).sum() / 10).Backpropagate();
            var g = leaf.grad!.data<float>().ToArray();
            adam.Step(0.02);
            adam.ZeroGrad();
            for (var i = 0; i < w.Length; i++)
            {
                (m[i], v[i]) = (0.9f * m[i] + 0.1f * g[i], 0.99f * v[i] + 0.01f * g[i] * g[i]);
                var size = 0.02 / (1 - Math.Pow(0.9, step)) * m[i] / (Math.Sqrt(v[i] / (1 - Math.Pow(0.99, step))) + 1e-8);
                w[i] = (float)(w[i] * (1 - 0.02 * 0.1) - size);
            }
            Assert.All(leaf.detach().data<float>().ToArray().Zip(w), pair => Assert.Equal(pair.Second, pair.First, 2e-5));
            // A mean of squares above zero stays above it.
            (m, v) = (Rounded(m, DynamicMap.Signed, 0), Rounded(v, DynamicMap.Unsigned, DynamicMap.Unsigned.Values[1]));
        }
    }

    // Of each block of 256 by its largest, as an independent plain computation has it.
    private static float[] Rounded(float[] numbers, DynamicMap map, float least) => [.. numbers.Chunk(256).SelectMany(block =>
    {
        var (most, levels) = (block.Max(Math.Abs), map.Values.ToArray());
        return block.Select(x => x == 0 ? 0 : Math.Max(levels.MinBy(level => Math.Abs(level - x / most)), least > 0 ? least : -1) * most);
    })];

    [Fact]
    public void Weights_With_Tiny_Gradients_Take_No_Huge_Steps()
    {
        using var scope = NewDisposeScope();
        var leaf = Initial.Normal([5000], 1, 3).requires_grad_();
        using var adam = new BlockwiseAdamW([new("w", leaf, false)], 0.9, 0.99);
        for (var step = 0; step < 30; step++)
        {
            var before = leaf.detach().clone();
            // Gradients of one block lie many powers of ten apart.
            leaf.pow(5).sum().Backpropagate();
            adam.Step(0.01);
            adam.ZeroGrad();
            Assert.InRange((leaf.detach() - before).abs().max().item<float>(), 0, 0.2);
        }
    }

    [Fact]
    public void Eight_Bits_Take_Two_Bytes_A_Weight_And_Learn_As_Well()
    {
        using var scope = NewDisposeScope();
        var target = Initial.Normal([20_000], 1, 8);
        double Loss(Func<IReadOnlyList<TrainableParameter>, IOptimizer> make)
        {
            var leaf = zeros(20_000).requires_grad_();
            using var optimizer = make([new("w", leaf, false)]);
            for (var step = 0; step < 100; step++)
            {
                (leaf - target).square().mean().Backpropagate();
                optimizer.Step(0.05);
                optimizer.ZeroGrad();
            }
            if (optimizer is BlockwiseAdamW)
                Assert.InRange(optimizer.State.Values.Sum(t => t.numel() * t.element_size()) / 20_000.0, 2, 2.05);
            return (leaf - target).square().mean().item<float>();
        }
        var (full, eight) = (Loss(p => new AdamW(p)), Loss(p => new BlockwiseAdamW(p)));
        Assert.InRange(eight, 0, full * 1.05 + 1e-3);
    }

    [Theory]
    [InlineData("adamw_8bit")]
    [InlineData("paged_adamw")]
    [InlineData("paged_adamw_8bit")]
    public void A_Run_Goes_On_Bit_For_Bit(string kind)
    {
        using var folder = new TempFolder();
        var options = new TrainerOptions { Optimizer = kind, MaxSteps = 8, LearningRate = 0.01, StateFolder = folder.Root };
        var data = new ToyBatches(26, 4);
        using var whole = new Wide();
        using (var trainer = new Trainer(whole, data, options)) trainer.Run();

        using var begun = new Wide();
        using var stop = new CancellationTokenSource();
        using var half = new Trainer(begun, data, options, null, new Recorder(r => { if (r.Step == 3) stop.Cancel(); }));
        half.Run(stop.Token);
        using var snapshot = half.Export();
        using var again = new Wide();
        using var resumed = new Trainer(again, data, options);
        resumed.Import(snapshot);
        resumed.Run();
        Bits.AssertSame(whole.Weight, again.Weight, "The weights");
    }

    [Fact]
    public void What_Has_No_Room_Is_Refused_Before_The_First_Step()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("file"), "");
        using var leaf = zeros(5000).requires_grad_();
        Refusal.Sentence(
            () => new AdamW([new("w", leaf, true)], memory: new MappedMemory(folder.File("file"))), "The optimizer's state of");
        using var wide = leaf.to(ScalarType.Float64).detach().requires_grad_();
        Refusal.Sentence(() => new BlockwiseAdamW([new("w", wide, true)]), "float32");
        Refusal.Sentence(() => new TrainerOptions { Optimizer = "adamw_4bit" }.Validate(), "paged_adamw_8bit");
    }

    private static Tensor[] Leaves() =>
    [
        Initial.Normal([70, 80], 1, 1).requires_grad_(),
        Initial.Normal([33], 1, 2).requires_grad_(),
        Initial.Normal([9001], 1, 3).requires_grad_(),
    ];

    private static TrainableParameter[] Parameters(Tensor[] leaves) =>
        [.. leaves.Select((leaf, i) => new TrainableParameter($"p{i}", leaf, i != 1))];

    private static void Step(IOptimizer optimizer, Tensor[] leaves, int step)
    {
        using var scope = NewDisposeScope();
        leaves.Aggregate(zeros(1), (sum, leaf) => sum + ((leaf + step) * leaf * leaf).sum()).Backpropagate();
        optimizer.Step(1e-3);
        optimizer.ZeroGrad();
    }

    /// <summary>One tensor that is large enough for eight bits.</summary>
    private sealed class Wide : ITrainingModel, IDisposable
    {
        public Wide() => Parameters = [new("w", Weight, true)];

        public Tensor Weight { get; } = Initial.Normal([ToyBatches.Vocabulary, 600], 0.1, 3).requires_grad_().DetachFromDisposeScope();

        public IReadOnlyList<TrainableParameter> Parameters { get; }

        public IReadOnlyDictionary<string, Tensor> MethodState => new Dictionary<string, Tensor>();

        public BatchLoss Loss(PeftSharp.Data.TokenBatch batch, StepState state) =>
            new(nn.functional.cross_entropy(Weight[batch.InputIds].mean([1]), batch.Labels!), batch.Rows);

        public void AfterBackward(StepState state) { }

        public void BeforeStep(StepState state) { }

        public void AfterStep(StepState state) { }

        public void Dispose() => Weight.Dispose();
    }
}
