using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.AdaLora;
using PeftSharp.Runs.Conformance;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>Ranks that go on a schedule: when, which, and what is saved of them.</summary>
public sealed class AdaLoraTests : IDisposable
{
    // Eight steps, the last allocation after the sixth.
    private static readonly AdaLoraOptions Short =
        new() { InitialRank = 4, TargetRank = 2, WarmUp = 1, Final = 2, TotalSteps = 8, Alpha = 32 };

    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("bert-adalora")]
    [InlineData("llama-adalora")]
    public void The_Ranks_Of_Each_Step_Are_The_Reference_Ones(string @case)
    {
        using var reference = new ConformanceCase(TestPaths.Fixture("cases", @case));
        using var model = new PeftModel(reference.LoadModel());
        var adapter = (AdaLoraMethod)reference.Adapter!.LoadInto(model);
        var optimizer = (JsonObject)reference.Json["optimizer"]!;
        var rate = optimizer["lr"]!.GetValue<double>();
        using var adam = new AdamW(
            [.. adapter.Tensors.Select(t => new TrainableParameter(t.Name, t.Value, true))],
            0.9, 0.999, optimizer["eps"]!.GetValue<double>(), optimizer["weight_decay"]!.GetValue<double>());
        var options = (AdaLoraOptions)reference.Options;
        var schedule = new RankSchedule(
            options.InitialRank * adapter.Ranks.Count, options.TargetRank * adapter.Ranks.Count,
            options.WarmUp, options.TotalSteps!.Value - options.Final, options.Interval);
        foreach (var expected in (JsonArray)reference.Json["adalora"]!)
        {
            using var scope = NewDisposeScope();
            var done = expected!["step"]!.GetValue<int>();
            var context = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) };
            BatchLoss Forward(ForwardContext call) =>
                model.Model.Head.Loss(model.Model.Forward(reference.Batch(true), call), reference.Batch(true).Labels!);
            var state = new StepState(done - 1, 0, options.TotalSteps.Value, 0, rate);
            adapter.ComputeLoss(Forward(context), new(state, context, Forward)).Mean.Backpropagate();
            adam.Step(rate);
            adapter.AfterStep(state);
            adam.ZeroGrad();
            Assert.Equal(expected["budget"]!.GetValue<long>(), schedule.Budget(done));
            Assert.Equal(expected["mask_step"]!.GetValue<bool>(), schedule.Allocates(done));
            foreach (var (name, count) in (JsonObject)expected["kept"]!)
                Assert.Equal(count!.GetValue<int>(), adapter.Ranks[name.Replace(".lora_E.default", "", StringComparison.Ordinal)]);
        }
    }

    [Fact]
    public void What_Is_Left_Is_Saved_Cut_And_Answers_The_Same()
    {
        using var bench = new Bench("bert");
        var adapter = (AdaLoraMethod)bench.Add(Short);
        bench.Train(adapter, steps: 8);
        Assert.Equal(8, adapter.Ranks.Values.Sum());
        AdapterFolder.Save(adapter, _folder.Root);
        var pattern = (JsonObject)AdapterFolder.Open(_folder.Root).Json["rank_pattern"]!;
        Assert.Equal(adapter.Ranks.Keys.Select(path => $"{path}.lora_E").Order(StringComparer.Ordinal), pattern.Select(p => p.Key));
        using var other = new Bench("bert");
        var read = (AdaLoraMethod)AdapterFolder.Open(_folder.Root).LoadInto(other.Peft);
        Assert.Equal(adapter.Ranks, read.Ranks);
        foreach (var tensor in read.Tensors.Where(t => t.Local == "lora_A")) Assert.Equal(read.Ranks[tensor.Path], tensor.Value.shape[0]);
        Bits.AssertClose(bench.Logits(adapter), other.Logits(read), Rounding.Of(TinyModels.LongestSum), "The output of the cut adapter");
        // Once cut, it is written as it was read, and its ranks stay.
        var before = read.Ranks;
        other.Train(read);
        Assert.Equal(before, read.Ranks);
        AdapterFolder.Save(read, _folder.File("again"));
        Assert.True(JsonNode.DeepEquals(pattern, AdapterFolder.Open(_folder.File("again")).Json["rank_pattern"]));
    }

    [Fact]
    public void A_Map_May_Lose_All_Its_Ranks()
    {
        using var bench = new Bench("bert");
        var pattern = new Dictionary<string, IReadOnlyList<bool>>
        {
            ["bert.encoder.layer.0.attention.self.query.lora_E"] = [false, false, false, false],
        };
        var adapter = (AdaLoraMethod)bench.Add(Short with { RankPattern = pattern });
        bench.Train(adapter);
        AdapterFolder.Save(adapter, _folder.Root);
        using var other = new Bench("bert");
        var read = (AdaLoraMethod)AdapterFolder.Open(_folder.Root).LoadInto(other.Peft);
        Assert.Equal(0, read.Ranks["bert.encoder.layer.0.attention.self.query"]);
        Bits.AssertSame(bench.Logits(adapter), other.Logits(read), "The output");
    }

    [Fact]
    public void Weights_Of_An_Earlier_Step_Are_Saved_Whole()
    {
        using var bench = new Bench("bert");
        var adapter = (AdaLoraMethod)bench.Add(Short);
        bench.Train(adapter, steps: 8);
        Bench.Disturb(adapter); // as weights of the best evaluation that are put back
        AdapterFolder.Save(adapter, _folder.Root);
        Assert.Null(AdapterFolder.Open(_folder.Root).Json["rank_pattern"]);
        using var other = new Bench("bert");
        Bits.AssertSame(bench.Logits(adapter), other.Logits(AdapterFolder.Open(_folder.Root).LoadInto(other.Peft)), "The output");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(7)]
    public void A_Run_That_Stops_And_Goes_On_Is_The_Unbroken_One(int stop)
    {
        using var bench = new Bench("bert");
        var whole = (AdaLoraMethod)bench.Add(Short, "whole");
        var first = (AdaLoraMethod)bench.Add(Short, "first");
        var second = (AdaLoraMethod)bench.Add(Short, "second");
        // Without an optimizer's memory, so that all that goes over is the method's own.
        void Run(AdaLoraMethod adapter, int from, int to)
        {
            for (var step = from; step < to; step++)
            {
                using var optimizer = Bench.Optimizer(adapter);
                bench.Step(adapter, optimizer, step);
            }
        }
        Run(whole, 0, 8);
        Run(first, 0, stop);
        using (no_grad())
        {
            var state = first.State.ToDictionary(s => s.Key, s => s.Value.clone());
            second.RestoreState(state, JsonNode.Parse(first.StateJson!.ToJsonString()));
            foreach (var (from, to) in first.Tensors.Zip(second.Tensors)) to.Value.copy_(from.Value);
        }
        Run(second, stop, 8);
        foreach (var (a, b) in whole.Tensors.Zip(second.Tensors)) Bits.AssertSame(a.Value, b.Value, a.Name);
        Assert.True(JsonNode.DeepEquals(whole.StateJson, second.StateJson));
    }

    [Fact]
    public void A_State_Of_Other_Maps_Is_Refused_And_Changes_Nothing()
    {
        using var bench = new Bench("bert");
        var adapter = (AdaLoraMethod)bench.Add(Short);
        bench.Train(adapter, steps: 3);
        var (before, json) = (adapter.State.ToDictionary(s => s.Key, s => s.Value.clone()), adapter.StateJson);
        Assert.Throws<PeftException>(() => adapter.RestoreState(before.Take(3).ToDictionary(), json));
        Assert.Throws<PeftException>(() => adapter.RestoreState(before, JsonNode.Parse("""{ "total_step": 8, "kept": [[true]] }""")));
        Assert.Throws<PeftException>(() => adapter.RestoreState(before, JsonNode.Parse("""{ "kept": 3, "total_step": "many" }""")));
        foreach (var (name, value) in before) Bits.AssertSame(value, adapter.State[name], name);
        Assert.True(JsonNode.DeepEquals(json, adapter.StateJson));
    }

    [Fact]
    public void The_Length_Of_The_Run_Is_Taken_Where_None_Is_Given()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new AdaLoraOptions());
        bench.Train(adapter, steps: 1);
        Assert.Equal(100, ((AdaLoraOptions)adapter.Options).TotalSteps);
    }

    public static TheoryData<string, AdaLoraOptions> BadSettings => new()
    {
        { "init_r", new() { InitialRank = 0 } },
        { "target_r", new() { TargetRank = 13 } },
        { "deltaT", new() { Interval = 0 } },
        { "beta1", new() { Beta1 = 1 } },
        { "beta2", new() { Beta2 = double.NaN } },
        { "orth_reg_weight", new() { OrthogonalityWeight = -1 } },
        { "total_step", new() { TotalSteps = 0 } },
        { "tinit", new() { TotalSteps = 10, WarmUp = 6, Final = 4 } },
        { "lora_alpha", new() { Alpha = 0 } },
        { "bias", new() { Bias = "all" } },
        { "rank_pattern.x.lora_E", new() { RankPattern = new Dictionary<string, IReadOnlyList<bool>> { ["x.lora_E"] = [true] } } },
    };

    [Theory]
    [MemberData(nameof(BadSettings))]
    public void Bad_Settings_Are_Named(string field, AdaLoraOptions options) =>
        Assert.Contains($"ADALORA: \"{field}\" is ", Assert.Throws<PeftException>(options.Validate).Message, StringComparison.Ordinal);

    public void Dispose() => _folder.Dispose();
}
