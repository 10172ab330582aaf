using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Training;

public sealed class GradientCheckpointTests
{
    [Theory]
    [InlineData("lora")]
    [InlineData("full")]
    [InlineData("houlsby")]
    [InlineData("prefix-projection")]
    [InlineData("unipelt")]
    [InlineData("head")]
    [InlineData("prompt")]
    public void Gradients_Equal_Plain_Ones_Dropout_Included(string method)
    {
        var folder = TestPaths.Fixture("models", "bert");
        Assert.SkipUnless(Directory.Exists(folder), "The tiny BERT is not among the fixtures.");
        var config = ModelConfig.Read(folder).Clone();
        config.Json["hidden_dropout_prob"] = 0.2;
        config.Json["attention_probs_dropout_prob"] = 0.2;
        using var checkpoint = PeftSharp.Files.Checkpoint.Open(folder);
        var model = new PeftModel(ModelLoader.Create(config, checkpoint, new()));
        var adapter = model.Add(MethodRegistry.Options(method));
        using var scope = NewDisposeScope();
        var batch = new TokenBatch
        {
            InputIds = arange(0, 21).reshape(3, 7).to(ScalarType.Int64),
            AttentionMask = ones([3, 7], dtype: ScalarType.Int64),
            Labels = tensor(new long[] { 0, 1, 2 }),
        };
        var plain = Gradients(false);
        var again = Gradients(true);
        Assert.Contains(plain, g => g is not null && g.abs().max().item<float>() > 0);
        var largest = plain.Max(g => g is null ? 0 : g.abs().max().item<float>());
        foreach (var (a, b) in plain.Zip(again))
        {
            Assert.Equal(a is null, b is null);
            if (a is not null) Bits.AssertClose(a / largest, b! / largest, Rounding.Of(21 * 256), "A gradient computed again");
        }

        List<Tensor?> Gradients(bool checkpointing)
        {
            var training = new TrainableAdapter(model, adapter, new ForwardOptions { Checkpointing = checkpointing });
            PeftSharp.Interop.AutogradFailures.Backward(training.Loss(batch, new StepState(0, 0, 1, 7, 1e-3)).Mean);
            var result = training.Parameters.Select(p => p.Value.grad?.clone()).ToList();
            foreach (var p in training.Parameters) p.Value.grad = null;
            return result;
        }
    }
}
