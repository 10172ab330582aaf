using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.XLora;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Analysis.Gates;

/// <summary>What gates tell is what acts: each row its own, whatever stands beside it.</summary>
public sealed class GateListenerTests
{
    [Fact]
    public void A_Gate_Is_Heard_As_It_Acts_And_Each_Row_Has_Its_Own()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add("unipelt");
        Bench.Disturb(adapter);
        var together = Heard(bench, adapter, [0, 1, 2, 3]);
        Assert.Equal(adapter.Tensors.Count(t => t.Local == "gate.weight"), together.Count);
        for (var row = 0; row < 4; row++)
            foreach (var (gate, values) in Heard(bench, adapter, [row])) Assert.Equal(values[0], together[gate][row], 1e-12);
        // A bias far below shuts the gate.
        using (no_grad())
            foreach (var bias in adapter.Tensors.Where(t => t.Local == "gate.bias")) bias.Value.fill_(-1e3);
        Assert.All(Heard(bench, adapter, [0, 1]), gate => Assert.All(gate.Value, value => Assert.Equal(0, value, 1e-12)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Weights_Of_Experts_Are_Heard_As_Means_Over_A_Rows_Tokens(bool perMap)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(new XLoraOptions { DrawnExperts = 3, PerMap = perMap });
        Bench.Disturb(adapter, 0.5);
        // Queries and values of two layers.
        var maps = perMap ? 4 : 1;
        var together = Assert.Single(Heard(bench, adapter, [0, 1, 2, 3])).Value.Chunk(3 * maps).ToList();
        for (var row = 0; row < 4; row++)
        {
            var alone = Assert.Single(Heard(bench, adapter, [row])).Value;
            Assert.All(alone.Zip(together[row]), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
            Assert.All(alone.Chunk(3), shares => Assert.Equal(1, shares.Sum(), 1e-12));
        }
    }

    private static Dictionary<string, double[]> Heard(Bench bench, PeftMethod adapter, int[] rows)
    {
        var listener = new Listener();
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var context = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag), GateListener = listener };
        bench.Peft.Model.Forward(TinyModels.Rows(rows, rows.Max(TinyModels.LengthOf)), context);
        return listener.Values;
    }

    private sealed class Listener : IGateListener
    {
        public Dictionary<string, double[]> Values { get; } = [];

        public void Hear(string gate, Tensor values) => Values[gate] = values.reshape(-1).data<double>().ToArray();
    }
}
