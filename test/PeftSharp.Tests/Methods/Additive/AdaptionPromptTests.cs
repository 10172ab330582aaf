using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.AdaptionPrompt;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>Prompts that queries attend to behind a gate.</summary>
public sealed class AdaptionPromptTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Fact]
    public void Runs_On_An_Encoder_In_Its_Top_Layers_And_Comes_Back()
    {
        using var bench = new Bench("roberta");
        var adapter = bench.Add(new AdaptionPromptOptions { Length = 8, LayerCount = 1 });
        Assert.Equal(["roberta.encoder.layer.1.attention.self"], adapter.Tensors.Where(t => !t.SavedModule).Select(t => t.Path).Distinct());
        Assert.Equal(8 * 32 + 1, adapter.Tensors.Where(t => !t.SavedModule).Sum(t => t.Value.numel()));
        Bench.Disturb(adapter);
        AdapterFolder.Save(adapter, _folder.Root);
        using var fresh = new Bench("roberta");
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft)), "The output");
    }

    // Attention to the prompt alone is added: with the gate at g, what comes in is g times what comes in at 1.
    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    public void The_Gate_Scales_What_Is_Added_To_A_Layer(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapter = bench.Add(new AdaptionPromptOptions { Length = 3, LayerCount = 1 });
        var gate = adapter.Tensors.First(t => t.Local == "adaption_gate").Value;
        var site = bench.Sites.Branches.Last(b => b.Kind == BranchKind.Attention);
        var seen = new List<Tensor>();
        using var watch = new Watch(site, adapter.Tag, seen);
        foreach (var value in (double[])[0, 1, 0.25])
        {
            using (no_grad()) gate.fill_(value);
            bench.Logits(adapter);
        }
        Bits.AssertClose((seen[1] - seen[0]) * 0.25, seen[2] - seen[0], Rounding.Exact, "What the gate lets in");
        Bits.AssertDiffers(seen[0], seen[1], "The prompt");
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("ia3-adapterhub")]
    public void Prompts_Pass_Through_What_A_Union_Puts_At_Keys_And_Values(string method)
    {
        foreach (var architecture in (string[])["bert", "gpt2", "llama"])
        {
            using var bench = new Bench(architecture, ScalarType.Float64);
            var beside = method != "lora" ? MethodRegistry.Options(method)
                : new LoraOptions { TargetModules = new(["key", "value", "k_proj", "v_proj", "c_attn"]) };
            var union = bench.Add(new UnionOptions { Parts = [new AdaptionPromptOptions { Length = 3 }, beside] });
            Bench.Disturb(union);
            var adapted = bench.Logits(union);
            // The same with the updates in the weights themselves.
            var alone = bench.Add(beside, "alone");
            foreach (var (to, from) in alone.Tensors.Join(union.Tensors, t => t.Name, t => t.Name, (to, from) => (to, from)))
                using (no_grad()) to.Value.copy_(from.Value);
            var prompt = bench.Add(new AdaptionPromptOptions { Length = 3 }, "prompt");
            foreach (var (to, from) in prompt.Tensors.Join(union.Tensors, t => t.Name, t => t.Name, (to, from) => (to, from)))
                using (no_grad()) to.Value.copy_(from.Value);
            bench.Peft.Merge("alone");
            Bits.AssertClose(adapted, bench.Logits(prompt), Rounding.Exact, $"{architecture} with merged updates");
        }
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new AdaptionPromptOptions { LayerCount = 3 }), "adapter_layers", "2 layers");
        Refusal.Of(bench, () => bench.Add(new AdaptionPromptOptions { Length = 0 }), "adapter_len");
        Refusal.Of(bench, () => bench.Add(new AdaptionPromptOptions { LayerCount = 0 }), "adapter_layers");
    }

    public void Dispose() => _folder.Dispose();

    // Behind the plug-ins that stand there already.
    private sealed class Watch : IBranchPlugin, IDisposable
    {
        private readonly Action _undo;
        private readonly List<Tensor> _seen;

        public Watch(BranchSite site, AdapterTag tag, List<Tensor> seen)
        {
            _seen = seen;
            _undo = site.Plugins.Add(tag, this);
        }

        public Tensor Transform(Tensor output, BranchState state, ForwardContext context)
        {
            _seen.Add(output.clone().DetachFromDisposeScope());
            return output;
        }

        public void Dispose()
        {
            _undo();
            foreach (var tensor in _seen) tensor.Dispose();
        }
    }
}
