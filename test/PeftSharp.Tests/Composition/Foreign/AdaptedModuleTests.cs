using PeftSharp.Composition.Foreign;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Ia3;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Composition.Foreign;

/// <summary>The laws of adapters on a network that was written by hand, in float64.</summary>
public sealed class AdaptedModuleTests : IDisposable
{
    private const double Exact = 1e-10;

    private readonly Network _network = new();
    private readonly Tensor _ids = tensor(new long[] { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, [3, 3]);
    private readonly Tensor _wanted = tensor(new double[] { 1, 0, 0, 0, 1, 0, 0, 0, 1 }, [3, 3]);

    public static TheoryData<string> Methods => new("lora", "dora", "lora-embedding", "ia3", "bitfit", "bottleneck", "parallel");

    public void Dispose()
    {
        _ids.Dispose();
        _wanted.Dispose();
        _network.Dispose();
    }

    private static MethodOptions Options(string method) => method switch
    {
        "lora" => new LoraOptions { Rank = 2, TargetModules = new("all-linear"), Dropout = 0.1 },
        "dora" => new LoraOptions { Rank = 2, TargetModules = new(["wide", "narrow"]), UseDora = true },
        "lora-embedding" => new LoraOptions { Rank = 2, TargetModules = new(["words", "wide"]) },
        "ia3" => new Ia3Options { TargetModules = new(["wide", "narrow"]), FeedForwardModules = new(["narrow"]) },
        "bitfit" => new BitFitOptions(),
        "bottleneck" => new BottleneckOptions { ReductionFactor = 4 },
        _ => new BottleneckOptions { ReductionFactor = 4, IsParallel = true, OriginalNormBefore = false, InitWeights = "mam_adapter" },
    };

    private Tensor Answer(Network? network = null)
    {
        using var guard = no_grad();
        return (network ?? _network).call(_ids);
    }

    private PeftMethod Trained(string method, AdaptedModule adapted, string name = "default", int steps = 5)
    {
        var adapter = adapted.Add(Options(method), name);
        _network.train();
        using var optimizer = optim.AdamW(adapted.Parameters(name), lr: 0.05);
        for (var step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            nn.functional.mse_loss(_network.call(_ids), _wanted).backward();
            optimizer.step();
        }
        _network.eval();
        return adapter;
    }

    private static double Difference(Tensor a, Tensor b) => (a - b).abs().max().item<double>();

    [Theory]
    [MemberData(nameof(Methods))]
    public void An_Adapter_Starts_Neutral_Learns_And_Leaves_The_Network_As_It_Was(string method)
    {
        using var own = Answer();
        using var before = _network.state_dict()["block.wide.weight"].clone();
        using var adapted = _network.Adapted("block");
        adapted.Add(Options(method), "fresh");
        using (var start = Answer())
            if (method is not "bottleneck") Assert.Equal(0, Difference(own, start));
        adapted.Remove("fresh");

        var adapter = Trained(method, adapted);

        using var after = Answer();
        Assert.True(Difference(own, after) > 1e-3);
        Assert.All(adapter.Tensors, t => Assert.True(t.Value.grad is { } grad && grad.abs().sum().item<double>() > 0, t.Name));
        Assert.Equal(before, _network.state_dict()["block.wide.weight"]);
        using (adapted.Use(AdapterSelection.None))
        {
            using var off = Answer();
            Assert.Equal(0, Difference(own, off));
        }
        adapted.Dispose();
        using var gone = Answer();
        Assert.Equal(0, Difference(own, gone));
        Assert.All(_network.parameters(), p => Assert.True(p.requires_grad));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_Saved_Adapter_Answers_The_Same_On_Another_Copy(string method)
    {
        using var folder = new TempFolder();
        using var adapted = _network.Adapted("block");
        AdapterFolder.Save(Trained(method, adapted), folder.Root);
        using var expected = Answer();

        using var other = new Network();
        other.eval();
        using var there = other.Adapted("block");
        AdapterFolder.Open(folder.Root).LoadInto(there);
        using var found = Answer(other);
        // float32 on disk would show here: tensors keep their type.
        Assert.Equal(0, Difference(expected, found));
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("dora")]
    [InlineData("lora-embedding")]
    [InlineData("ia3")]
    [InlineData("bitfit")]
    public void What_Merges_Answers_The_Same_And_Comes_Off_Bit_For_Bit(string method)
    {
        using var own = Answer();
        using var adapted = _network.Adapted();
        Trained(method, adapted);
        using var expected = Answer();
        adapted.Merge("default");
        using (var merged = Answer()) Assert.InRange(Difference(expected, merged), 0, Exact);
        adapted.Unmerge();
        using (adapted.Use(AdapterSelection.None))
        using (var back = Answer())
            Assert.Equal(0, Difference(own, back));
    }

    [Fact]
    public void Rows_May_Have_Adapters_Of_Their_Own()
    {
        using var adapted = _network.Adapted("block");
        Trained("lora", adapted, "a");
        adapted.Selection = AdapterSelection.None;
        Trained("bottleneck", adapted, "b");
        string?[] choice = ["b", null, "a"];
        Tensor mixed;
        using (adapted.Use(adapted.SelectPerRow(choice))) mixed = Answer();
        for (var row = 0; row < 3; row++)
        {
            using var alone = adapted.Use(choice[row] is { } name ? adapted.Select(name) : AdapterSelection.None);
            using var all = Answer();
            Assert.InRange(Difference(all[row], mixed[row]), 0, Exact);
        }
        mixed.Dispose();
    }

    [Fact]
    public void Two_Adapters_Act_One_After_The_Other_And_Go_When_They_Are_Removed()
    {
        using var own = Answer();
        _network.AddAdapter(Options("lora"), "a");
        _network.AddAdapter(Options("bitfit"), "b");
        Assert.Equal(["a", "b"], _network.Adapted().Selection.Adapters.Select(tag => tag.Name));
        _network.Adapted().Remove("a");
        _network.Adapted().Remove("b");
        using var after = Answer();
        Assert.Equal(0, Difference(own, after));
    }

    [Fact]
    public void Expressions_Stack_And_Average()
    {
        using var adapted = _network.Adapted();
        Trained("bitfit", adapted, "a");
        adapted.Selection = AdapterSelection.None;
        Trained("bitfit", adapted, "b", steps: 9);
        Tensor Of(string expression)
        {
            using var use = adapted.Use(adapted.Select(expression));
            return Answer();
        }
        using var alone = Of("a");
        using var twice = Of("average(a:2,a:3)");
        Assert.InRange(Difference(alone, twice), 0, Exact);
        using var both = Of("average(a,b)");
        Assert.True(Difference(alone, both) > 1e-4);
        using var stacked = Of("stack(a,b)");
        using (adapted.Use(adapted.Select("a", "b")))
        {
            using var named = Answer();
            Assert.Equal(0, Difference(stacked, named));
        }
        string Refused(string expression) => Assert.Throws<PeftException>(() => adapted.Select(expression)).Message;
        Assert.Contains("no fusions", Refused("fuse(a,b)"), StringComparison.Ordinal);
        Assert.Contains("splits tokens", Refused("split(a:1,b)"), StringComparison.Ordinal);

        adapted.Selection = adapted.Select("average(a,b)");
        adapted.Remove("a");
        Assert.Empty(adapted.Selection.Adapters);
    }

    [Fact]
    public void What_Does_Not_Fit_Is_Refused_With_A_Sentence_And_Changes_Nothing()
    {
        using var adapted = _network.Adapted();
        string Refused(Action action) => Assert.Throws<PeftException>(action).Message;
        Assert.Contains(
            "nothing", Refused(() => adapted.Add(new LoraOptions { TargetModules = new(["nothing"]) })), StringComparison.Ordinal);
        Assert.Contains("target_modules", Refused(() => adapted.Add(new LoraOptions())), StringComparison.Ordinal);
        Refused(() => adapted.Add(new BottleneckOptions()));
        Assert.Empty(adapted.Adapters);
        adapted.Add(Options("lora"));
        Assert.Contains("already", Refused(() => adapted.Add(Options("lora"))), StringComparison.Ordinal);
        Assert.Contains("no adapter \"x\"", Refused(() => adapted.Select("x")), StringComparison.Ordinal);
        using var bare = nn.ReLU();
        Assert.Contains("nothing to adapt", Refused(() => bare.Adapted()), StringComparison.Ordinal);
        using var another = new Network();
        Assert.Contains("\"nowhere\"", Refused(() => another.Adapted("nowhere")), StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_Leave_No_Tensors_Behind()
    {
        using var adapted = _network.Adapted("block");
        Trained("lora", adapted, "a");
        Trained("bottleneck", adapted, "b");
        void Once()
        {
            using var scope = NewDisposeScope();
            using var selection = adapted.Use(adapted.SelectPerRow(["a", "b", null]));
            Answer();
        }
        Once();
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        for (var i = 0; i < 20; i++) Once();
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }
}
