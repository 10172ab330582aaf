using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Beft;
using PeftSharp.Methods.Additive.Lst;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Recipes;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>Ladder side tuning: what the paper defines, written out in plain tensors; no graph of the base; its settings.</summary>
public sealed class LstTests
{
    private static readonly LstOptions Options =
        new() { ReductionFactor = 4, GateTemperature = 0.5, GateAlpha = 0.3, NonLinearity = "relu" };

    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    public void The_Side_Network_Is_What_The_Paper_Defines(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapter = bench.Add(Options);
        Bench.Disturb(adapter);
        var logits = bench.Logits(adapter);
        // An adapter that does nothing: what it sees is the base's own, padded places too.
        var idle = bench.Add(new BeftOptions(), "idle");
        var states = new List<Tensor>();
        var spies = bench.Sites.Layers.Select(site => site.Plugins.Add(idle.Tag, new Spy(states))).ToList();
        using (no_grad()) bench.Peft.Forward(bench.Batch, AdapterSelection.Of(idle.Tag), allTokens: true).Dispose();
        spies.ForEach(remove => remove());

        Tensor Of(string name) => adapter.Tensors.Single(t => t.Name == name).Value;
        Tensor Norm(Tensor x, string scale) => x / (x.pow(2).mean([-1], keepdim: true) + 1e-6).sqrt() * Of(scale);
        var padding = bench.Batch.AttentionMask.unsqueeze(1).unsqueeze(2).eq(0);
        var tokens = bench.Batch.Tokens;
        if (architecture == "llama") padding = padding.logical_or(ones(tokens, tokens, dtype: ScalarType.Bool).triu(1));
        Tensor Heads(Tensor x) => x.view(4, tokens, 4, -1).transpose(1, 2);
        Tensor Attend(Tensor x, string path)
        {
            var read = Norm(x, $"{path}.norm.weight");
            Tensor Map(string name) => Heads(read.matmul(Of($"{path}.{name}.weight").t()));
            var query = Map("query");
            var scores = query.matmul(Map("key").transpose(-1, -2)) / Math.Sqrt(query.shape[3]);
            var joined = scores.masked_fill(padding, -1e9).softmax(-1).matmul(Map("value")).transpose(1, 2).reshape(4, tokens, -1);
            return joined.matmul(Of($"{path}.output.weight").t());
        }
        using var guard = no_grad();
        Tensor Down(int layer, string path) => states[layer + 1].matmul(Of($"{path}.down.weight").t()) + Of($"{path}.down.bias");
        var state = Down(-1, "side.first");
        for (var i = 0; i < 2; i++)
        {
            var path = $"side.layers.{i}";
            var gate = (Of($"{path}.gate") / 0.5).sigmoid();
            state = gate * state + (1 - gate) * Down(i, path);
            state = state + Attend(state, $"{path}.self");
            var inner = Norm(state, $"{path}.feed_forward.norm.weight").matmul(Of($"{path}.feed_forward.widen.weight").t()).relu();
            state = state + inner.matmul(Of($"{path}.feed_forward.narrow.weight").t());
        }
        var answer = Norm(state, "side.norm.weight").matmul(Of("side.up.weight").t()) + Of("side.up.bias");
        // The model goes on from there as from its own last layer's output.
        using var put = new Put(bench.Sites.Layers[^1], answer, adapter.Tag);
        Bits.AssertClose(bench.Logits(adapter), logits, 1e-12, "The answer");
        Assert.Equal((8L, 32L), (state.shape[2], answer.shape[2]));
    }

    [Theory]
    [InlineData("bert", false)]
    [InlineData("llama", false)]
    [InlineData("t5", false)]
    [InlineData("bert", true)]
    public void Nothing_Of_The_Base_Has_A_Graph(string architecture, bool checkpointing)
    {
        using var bench = new Bench(architecture);
        bool[] Wants(PeftMethod adapter)
        {
            var spy = new List<bool>();
            var remove = bench.Sites.Layers.Select(site => site.Plugins.Add(adapter.Tag, new Watch(spy))).ToList();
            using var scope = NewDisposeScope();
            var loss = new TrainableAdapter(bench.Peft, adapter, new() { Checkpointing = checkpointing })
                .Loss(bench.Batch, new StepState(0, 0, 1, 1, 0.1)).Mean;
            Assert.True(loss.requires_grad);
            loss.Backpropagate();
            Assert.All(adapter.Tensors, t => Assert.NotNull(t.Value.grad));
            remove.ForEach(undo => undo());
            return [.. spy];
        }
        // What a spy behind the last layer sees is the side network's already.
        var ladder = Wants(bench.Add("lst", "ladder"));
        Assert.All(ladder.SkipLast(1), needs => Assert.False(needs));
        if (!checkpointing) Assert.Contains(Wants(bench.Add("lora", "lora")), needs => needs);
    }

    [Fact]
    public void Blocks_Start_As_Entries_Of_The_Models_Own_Maps_Or_At_Random()
    {
        using var bench = new Bench("llama");
        var pruned = bench.Add(Options, "pruned");
        var random = bench.Add(Options with { Init = "random" }, "random");
        Tensor Of(PeftMethod adapter, string name) => adapter.Tensors.Single(t => t.Name == $"side.layers.1.{name}.weight").Value;
        foreach (var (mine, role) in ((string, ProjectionRole)[])
            [("self.query", ProjectionRole.Query), ("self.output", ProjectionRole.AttentionOutput),
             ("feed_forward.narrow", ProjectionRole.FeedForwardOutput)])
        {
            var whole = bench.Sites.Projections.Single(p => p.Layer == 1 && p.Role == role).Weight.Value.data<float>().ToArray();
            Assert.All(Of(pruned, mine).detach().data<float>().ToArray(), entry => Assert.Contains(entry, whole));
            Bits.AssertDiffers(Of(pruned, mine), Of(random, mine), mine);
        }
    }

    [Fact]
    public void Layers_Without_Blocks_Are_Passed_By()
    {
        using var bench = new Bench("bert");
        var some = bench.Add(Options with { Layers = new([0]) });
        Assert.DoesNotContain(some.Tensors, t => t.Name.StartsWith("side.layers.1.", StringComparison.Ordinal));
        Assert.Contains(some.Tensors, t => t.Name == "side.layers.0.gate");
        Assert.Contains(
            "\"layers\" names layer 2; the model has layers 0 to 1",
            Assert.Throws<PeftException>(() => bench.Add(Options with { Layers = new([2]) }, "other")).Message);
        string Refused(LstOptions options) => Assert.Throws<PeftException>(options.Validate).Message;
        Assert.Contains("expected a number above 0", Refused(Options with { GateTemperature = 0 }));
        Assert.Contains("\"pruned\" or \"random\"", Refused(Options with { Init = "fisher" }));
    }

    [Fact]
    public void Beside_Another_Method_Both_Learn()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var union = bench.Add(MethodName.Options("lora|lst"));
        foreach (var checkpointing in (bool[])[false, true])
        {
            bench.Loss(union, training: true, seed: 3, checkpointing).Backpropagate();
            Assert.All(union.Tensors, t => Assert.NotNull(t.Value.grad));
        }
    }

    private sealed class Spy(List<Tensor> states) : ILayerPlugin
    {
        public Tensor Transform(Tensor hidden, ForwardContext context)
        {
            states.Add(hidden.detach().clone().DetachFromDisposeScope());
            return hidden;
        }
    }

    private sealed class Watch(List<bool> seen) : ILayerPlugin
    {
        public Tensor Transform(Tensor hidden, ForwardContext context)
        {
            seen.Add(hidden.requires_grad);
            return hidden;
        }
    }

    private sealed class Put : IDisposable, ILayerPlugin
    {
        private readonly Action _remove;
        private readonly Tensor _value;

        public Put(LayerSite site, Tensor value, AdapterTag tag) => (_value, _remove) = (value, site.Plugins.Add(tag, this));

        public Tensor Transform(Tensor hidden, ForwardContext context) => _value.alias();

        public void Dispose() => _remove();
    }
}
