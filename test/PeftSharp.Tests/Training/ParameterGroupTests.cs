using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Training;

/// <summary>A tensor's rate is the run's times its factor, in every optimizer; LoRA+ gives the second factors one of their own.</summary>
public sealed class ParameterGroupTests
{
    [Theory]
    [InlineData("adamw")]
    [InlineData("sgd")]
    public void A_Factor_Is_A_Rate_Of_Its_Own(string kind)
    {
        IOptimizer Make(params TrainableParameter[] parameters) =>
            kind == "sgd" ? new Sgd(parameters, 0.9, 0.1) : new AdamW(parameters, weightDecay: 0.1);
        using var scope = NewDisposeScope();
        Tensor Leaf(ulong seed) => Initial.Normal([5, 7], 1, seed).requires_grad_();
        var (slow, fast, alone) = (Leaf(1), Leaf(2), Leaf(2));
        using var both = Make(new("slow", slow, true), new TrainableParameter("fast", fast, true) { RateFactor = 16 });
        using var single = Make(new TrainableParameter("fast", alone, true));
        for (var step = 0; step < 3; step++)
        {
            (slow.square().sum() + fast.pow(4).sum() + alone.pow(4).sum()).Backpropagate();
            both.Step(1e-4);
            single.Step(16e-4);
            both.ZeroGrad();
            single.ZeroGrad();
        }
        Bits.AssertSame(alone, fast, "A tensor with a factor");
        Assert.False(Leaf(1).allclose(slow));
    }

    [Fact]
    public void LoraPlus_Hastens_The_Second_Factor_And_Leaves_No_Trace_In_The_Folder()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new LoraOptions { RateRatio = 16, LoraBias = true });
        var parameters = new TrainableAdapter(bench.Peft, adapter).Parameters;
        Assert.All(parameters, p => Assert.Equal(p.Name.Contains("lora_B", StringComparison.Ordinal) ? 16 : 1, p.RateFactor));
        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root);
        Assert.DoesNotContain("loraplus", File.ReadAllText(folder.File("adapter_config.json")));
        Refusal.Sentence(() => new LoraOptions { RateRatio = 0 }.Validate(), "loraplus_lr_ratio");
    }
}
