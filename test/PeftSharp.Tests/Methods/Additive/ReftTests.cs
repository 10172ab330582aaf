using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Reft;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>States changed behind layers, at the tokens that are meant.</summary>
public sealed class ReftTests : IDisposable
{
    private readonly TempFolder _folder = new();

    // Rows of 9, 6, 4 and 8 tokens: of one with fewer tokens than are asked for, all are changed.
    [Theory]
    [InlineData(2, 0)]
    [InlineData(0, 2)]
    [InlineData(2, 3)]
    [InlineData(5, 7)]
    public void Changes_The_Tokens_That_Are_Meant_And_No_Others(int first, int last)
    {
        foreach (var architecture in (string[])["bert", "llama"])
        {
            using var bench = new Bench(architecture, ScalarType.Float64);
            var adapter =
                bench.Add(new ReftOptions { PrefixPositions = first, SuffixPositions = last, Layers = new([1]), Orthogonal = false });
            Bench.Disturb(adapter);
            var site = bench.Sites.Layers.First(l => l.Layer == 1);
            using var seen = new Pair(site, adapter.Tag);
            using (no_grad()) bench.Peft.Forward(bench.Batch, AdapterSelection.Of(adapter.Tag), allTokens: true);
            var changed = (seen.Before! - seen.After!).abs().sum(-1).gt(0);                           // [rows, tokens]
            for (var row = 0; row < 4; row++)
                for (var token = 0; token < 9; token++)
                {
                    var length = TinyModels.LengthOf(row);
                    var meant = token < length && (token < first || token >= length - last);
                    Assert.True(changed[row, token].item<bool>() == meant, $"{architecture}, row {row}, token {token}");
                }
        }
    }

    [Fact]
    public void The_Rows_Of_R_Are_Orthonormal_At_The_Start_And_After_Training()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(new ReftOptions { Rank = 4 });
        foreach (var steps in (int[])[0, 5])
        {
            bench.Train(adapter, steps);
            foreach (var original in adapter.Tensors.Where(t => t.Local.EndsWith(".original", StringComparison.Ordinal)))
            {
                var frame = adapter.Frozen.First(
                    t => t.Path == original.Path && t.Local == original.Local.Replace("original", "0.base", StringComparison.Ordinal));
                using var guard = no_grad();
                var rows = new OrthogonalProjection(original, frame).Rows(new ForwardContext());
                Bits.AssertClose(eye(4, dtype: ScalarType.Float64), matmul(rows, rows.t()), 1e-6, original.Name);
            }
        }
    }

    // AdapterHub drops the setting and reads its own DiReFT back as NoReFT.
    [Fact]
    public void Direft_Stays_Direft_In_AdapterHubs_Layout()
    {
        using var bench = new Bench("roberta");
        var adapter = bench.Add("direft");
        Bench.Disturb(adapter);
        AdapterFolder.Save(adapter, _folder.Root, AdapterFormat.AdapterHub);
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(_folder.File("adapter_config.json")))!;
        Assert.False(json["config"]!["subtract_projection"]!.GetValue<bool>());
        Assert.False(((ReftOptions)AdapterFolder.Open(_folder.Root).Options).SubtractProjection);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_Setting_Comes_Back(bool tied)
    {
        using var bench = new Bench("bert");
        var options = new ReftOptions
        {
            Layers = new([1]),
            PrefixPositions = 1,
            SuffixPositions = 2,
            Rank = 3,
            Orthogonal = false,
            TiedWeights = tied,
            NonLinearity = "tanh",
            Dropout = 0.25,
        };
        var adapter = bench.Add(options);
        Assert.Equal(tied ? 3 : 6, adapter.Tensors.Count(t => !t.SavedModule));
        Assert.Empty(adapter.Frozen);
        Bench.Disturb(adapter);
        foreach (var format in Enum.GetValues<AdapterFormat>())
        {
            AdapterFolder.Save(adapter, _folder.File($"{format}"), format);
            using var fresh = new Bench("bert");
            var loaded = AdapterFolder.Open(_folder.File($"{format}")).LoadInto(fresh.Peft);
            Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), $"The output from {format}");
            var read = (ReftOptions)loaded.Options;
            Assert.Equal((0.25, "tanh", tied, 3), (read.Dropout, read.NonLinearity, read.TiedWeights, read.Rank));
        }
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new ReftOptions { Rank = 33 }), "\"r\"", "32");
        Refusal.Of(bench, () => bench.Add(new ReftOptions { Layers = new([2]) }), "layers", "0 to 1");
        Refusal.Of(bench, () => bench.Add(new ReftOptions { PrefixPositions = 0 }), "prefix_positions");
        Refusal.Of(bench, () => bench.Add(new ReftOptions { SuffixPositions = -1 }), "suffix_positions");
        Refusal.Of(bench, () => bench.Add(new ReftOptions { NonLinearity = "wave" }), "non_linearity");
        Refusal.Of(bench, () => bench.Add(new ReftOptions { Dropout = 1 }), "dropout");
    }

    public void Dispose() => _folder.Dispose();

    // What a layer yields before and after the adapter's own plug-in.
    private sealed class Pair : ILayerPlugin, IDisposable
    {
        private readonly Action _undo;
        private readonly ILayerPlugin _inner;

        public Pair(LayerSite site, AdapterTag tag)
        {
            _inner = site.Plugins.Items.First(i => i.Owner == tag).Plugin;
            _undo = site.Plugins.Add(tag, this);
        }

        public Tensor? Before { get; private set; }

        public Tensor? After { get; private set; }

        public Tensor Transform(Tensor hidden, ForwardContext context)
        {
            // The adapter has acted once: what it makes of its own result differs at the same tokens.
            Before = hidden.clone().DetachFromDisposeScope();
            After = _inner.Transform(hidden, context).clone().DetachFromDisposeScope();
            return hidden;
        }

        public void Dispose()
        {
            _undo();
            Before?.Dispose();
            After?.Dispose();
        }
    }
}
