using System.Text.Json.Nodes;
using PeftSharp.Benchmarks;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates.Shapes;
using PeftSharp.Tests.Life;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs.Estimates;

/// <summary>What an estimate says that a forward pass keeps is what libtorch holds of it.</summary>
[Collection(nameof(CountingTensors))]
public sealed class ActivationBytesTests
{
    private const int Rows = 48, Tokens = 40, Width = 128, Inner = 512, Layers = 6;

    // Layers that are computed again keep their inputs; what stands around them is counted as four more, and is three to six.
    [Theory]
    [InlineData("bert", "lora", false, 0.06)]
    [InlineData("bert", "full", false, 0.06)]
    [InlineData("bert", "houlsby", false, 0.06)]
    [InlineData("bert", "bitfit", false, 0.06)]
    [InlineData("bert", "lora", false, 0.06, ComputeType.BFloat16)]
    [InlineData("gpt2", "lora", false, 0.06)]
    [InlineData("gpt2", "houlsby", false, 0.06)]
    [InlineData("llama", "lora", false, 0.06)]
    [InlineData("llama", "full", false, 0.06)]
    [InlineData("llama", "houlsby", false, 0.06)]
    [InlineData("bert", "lora", true, 0.2)]
    [InlineData("gpt2", "full", true, 0.2)]
    [InlineData("llama", "lora", true, 0.2)]
    public void What_A_Pass_Keeps_Is_What_The_Formula_Counts(
        string architecture, string method, bool recomputed, double within, ComputeType compute = ComputeType.Float32)
    {
        Assert.SkipUnless(NativeHeapUse.IsCounted, "The test counts bytes as glibc does.");
        var config = Config(architecture);
        var task = architecture == "bert" ? TaskKind.Classification : TaskKind.CausalLanguage;
        using var peft = new PeftModel(ModelLoader.Create(config, null, new ModelOptions { Task = task, Compute = compute }));
        var settings = TinySettings.Of(method);
        var training = new TrainableAdapter(peft, peft.Add(settings), new ForwardOptions { Checkpointing = recomputed });
        using var scope = NewDisposeScope();
        using var batch = Batch(task);
        var options = new ShapeEstimateOptions { BatchSize = Rows, Length = Tokens, TokensPerPass = 0, Task = task };
        var estimate = ShapeEstimate.Of(config, settings, options with { Checkpointing = recomputed, Compute = compute });
        var expected = estimate.Memory.Single(line => line.Name is "activations" or "inputs of layers").Bytes;
        var kept = Kept(training, batch);
        Assert.True(
            Math.Abs((double)kept / expected - 1) <= within,
            $"{kept:N0} bytes are kept, {expected:N0} are estimated: {(double)kept / expected:0.000} times as many.");
    }

    private static ModelConfig Config(string architecture)
    {
        var json = (JsonObject)JsonNode.Parse(TinyModels.Entry(architecture).Tiny(Width))!;
        (string Name, int Value)[] sizes =
            [("num_hidden_layers", Layers), ("n_layer", Layers), ("intermediate_size", Inner), ("n_inner", Inner)];
        foreach (var (name, value) in sizes)
            if (json.ContainsKey(name)) json[name] = value;
        return ModelConfig.From(json);
    }

    private static long Kept(TrainableAdapter training, TokenBatch batch)
    {
        var kept = 0L;
        LiveTensors.MeasureQuietly(() =>
        {
            using var inner = NewDisposeScope();
            BatchLoss Loss() => training.Loss(batch, new StepState(0, 0, 10, 5, 1e-3));
            Loss(); // what is made once is made here
            var before = NativeHeapUse.Now.Used;
            var held = Loss();
            kept = NativeHeapUse.Now.Used - before;
            Assert.True(held.Weight > 0);
        });
        return kept;
    }

    private static TokenBatch Batch(TaskKind task)
    {
        var ids = randint(4, 90, new long[] { Rows, Tokens }, dtype: ScalarType.Int64);
        return new()
        {
            InputIds = ids,
            AttentionMask = ones([Rows, Tokens], dtype: ScalarType.Int64),
            Labels = task == TaskKind.CausalLanguage ? ids.clone() : zeros([Rows], dtype: ScalarType.Int64),
            Unpadded = true,
            RealTokens = Rows * Tokens,
        };
    }
}
