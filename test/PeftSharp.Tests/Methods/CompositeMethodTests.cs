using System.Reflection;
using System.Text.Json.Nodes;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>A method made of parts passes on to each of them, once, whatever a method can be told or asked.</summary>
public sealed class CompositeMethodTests
{
    [Fact]
    public void Nothing_That_A_Method_Can_Override_Is_Left_Out()
    {
        const BindingFlags every = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var hooks = typeof(PeftMethod).GetMethods(every).Where(m => m is { IsVirtual: true, IsAbstract: false, IsFinal: false }).ToList();
        Assert.True(hooks.Count >= 12);
        var forwarded = typeof(CompositeMethod).GetMethods(every).Select(m => m.GetBaseDefinition()).ToHashSet();
        Assert.Equal([], hooks.Where(m => !forwarded.Contains(m)).Select(m => m.Name));
    }

    [Fact]
    public void Nothing_That_A_Layout_Can_Override_Is_Left_Out()
    {
        const BindingFlags every = BindingFlags.Instance | BindingFlags.Public | BindingFlags.DeclaredOnly;
        var asked = typeof(AdapterLayout).GetMethods(every).Where(m => m is { IsVirtual: true, IsFinal: false }).ToList();
        Assert.True(asked.Count >= 7);
        var answered = new[]
        {
            typeof(CompositeHubLayout),
            typeof(UnionMethod).Assembly.GetType("PeftSharp.Methods.Hybrid.Union.UnionAdapterHub")!,
            typeof(AdapterHubLayout),
        }
            .SelectMany(type => type.GetMethods(every))
                .Where(m => m.DeclaringType != typeof(AdapterHubLayout) || m.IsFinal)
                .Select(m => m.GetBaseDefinition())
                .ToHashSet();
        Assert.Equal([], asked.Where(m => !answered.Contains(m)).Select(m => m.Name));
    }

    [Fact]
    public void Settings_Reach_The_Parts()
    {
        var options = new UnionOptions { Parts = [new PromptOptions { Init = "TEXT", InitText = "a b" }, new SpyOptions()] };
        var known = (UnionOptions)options.WithTokens(_ => [5, 6]);
        Assert.Equal([5, 6], ((PromptOptions)known.Parts[0]).InitTokens);
    }

    [Fact]
    public void Every_Call_Reaches_Every_Part_Once()
    {
        using var bench = new Bench("bert");
        var union = (UnionMethod)bench.Add(new UnionOptions { Parts = [new SpyOptions { Value = 1 }, new SpyOptions { Value = 2 }] });
        var spies = union.Parts.Cast<Spy>().ToList();
        void Each(Action act, params string[] calls)
        {
            foreach (var spy in spies) spy.Calls.Clear();
            act();
            foreach (var spy in spies) Assert.Equal(calls, spy.Calls);
        }

        var step = new StepState(3, 0, 9, 17, 0.1);
        using var context = NewDisposeScope();
        var call = new LossCall(step, new ForwardContext(), _ => default);
        BatchLoss loss = default;
        Each(() => loss = union.ComputeLoss(new(zeros(1), 5), call), "loss 3");
        Assert.Equal((3.0f, 5.0), (loss.Mean.item<float>(), loss.Weight));      // each has added its value
        Each(() => union.OnPrepare(new([], _ => default, _ => loss.Mean, true, 21)), "prepare 21");
        Each(() => union.AfterBackward(step), "after backward 17");
        Each(() => union.BeforeStep(step), "before step 17");
        Each(() => union.AfterStep(step), "after step 17");
        Each(() => union.EncoderRestored(), "encoder restored");
        Assert.True(union.EncoderIsKnown);
        spies[1].Known = false;
        Assert.False(union.EncoderIsKnown);
        var layout = union.Layout(AdapterFormat.AdapterHub);
        Assert.True(layout.MayLeaveOut(union, "spare 2"));
        Assert.False(layout.MayLeaveOut(union, "spare 3"));
        Assert.Equal(["spied 1", "spied 2"], union.SavedTensors(AdapterFormat.AdapterHub).Select(t => t.Key));
        Assert.Equal("live 2", layout.ReferenceName(union, spies[1].Tensors[0]));
        Assert.True(union.Tag.NeedsAllTokens);
    }

    [Fact]
    public void Borders_Of_The_Parts_Are_Borders_Of_The_Whole()
    {
        using var bench = new Bench("bert");
        var union = (UnionMethod)bench.Add(new UnionOptions { Parts = [new SpyOptions { Value = 1 }, new SpyOptions { Value = 2 }] });
        Assert.Empty(union.Phases);
        var spies = union.Parts.Cast<Spy>().ToList();
        spies[0].OwnPhases = [new("long", 3), new("short", 1)];
        spies[1].OwnPhases = [new("a"), new("b"), new("c"), new("d")];
        Assert.Equal([0.25, 0.25, 0.25, 0.25], union.Phases.Select(p => p.Share));
        for (var phase = 1; phase < 4; phase++) union.OnPhase(phase);
        Assert.Equal(["phase 1"], spies[0].Calls);
        Assert.Equal(["phase 1", "phase 2", "phase 3"], spies[1].Calls);
    }

    [Fact]
    public void State_Goes_There_And_Back_Or_Not_At_All()
    {
        using var bench = new Bench("bert");
        var union = (UnionMethod)bench.Add(new UnionOptions { Parts = [new SpyOptions { Value = 1 }, new SpyOptions { Value = 2 }] });
        var spies = union.Parts.Cast<Spy>().ToList();
        var tensors = union.State.ToDictionary(s => s.Key, s => s.Value.clone());
        var json = union.StateJson!.DeepClone();
        foreach (var spy in spies) spy.Forget();
        union.RestoreState(tensors, json);
        Assert.Equal([1f, 2f], spies.Select(s => s.Remembered.item<float>()));
        Assert.Equal([1, 2], spies.Select(s => s.Count));

        // The second part's state is missing: the first keeps what it has.
        foreach (var spy in spies) spy.Forget();
        Refusal.Sentence(() => union.RestoreState(tensors.Where(t => t.Key.StartsWith('0')).ToDictionary(), json), "kept");
        Assert.Equal([0f, 0f], spies.Select(s => s.Remembered.item<float>()));
        Refusal.Sentence(() => union.RestoreState(tensors, new JsonArray()), "2 parts");
        foreach (var tensor in tensors.Values) tensor.Dispose();
    }

    [Fact]
    public void Saved_Tensors_Come_Back_To_Their_Parts_Or_Nothing_Changes()
    {
        using var bench = new Bench("bert");
        var union = (UnionMethod)bench.Add(new UnionOptions { Parts = [new SpyOptions { Value = 1 }, new SpyOptions { Value = 2 }] });
        var spies = union.Parts.Cast<Spy>().ToList();
        var saved = union.SavedTensors(AdapterFormat.AdapterHub).ToDictionary(t => t.Key, t => (Tensor)(t.Value.detach() + 10));
        union.LoadTensors(saved, AdapterFormat.AdapterHub, "file");
        Assert.Equal([11f, 12f], spies.Select(s => s.Tensors[0].Value.item<float>()));
        saved["spied 1"] = ones(1) * 99;
        saved["spied 2"] = ones(2);
        Refusal.Sentence(() => union.LoadTensors(saved, AdapterFormat.AdapterHub, "file"), "spied 2");
        Assert.Equal([11f, 12f], spies.Select(s => s.Tensors[0].Value.item<float>()));
    }

    private sealed record SpyOptions : MethodOptions
    {
        public int Value { get; init; }

        public override string PeftType => "SPY";

        public override void Validate() { }

        public override PeftMethod Create(string name) => new Spy(name, this);

        private protected override IReadOnlyList<AdapterLayout> OwnLayouts() => [new SpyLayout(Value)];
    }

    private sealed class SpyLayout(int value) : AdapterHubLayout("spies")
    {
        public override string? Name(PeftMethod adapter, AdapterTensor tensor) => $"spied {value}";

        public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) => $"live {value}";

        public override bool MayLeaveOut(PeftMethod adapter, string key) => key == $"spare {value}";

        public override JsonObject Write(MethodOptions options) => new() { ["value"] = value };

        public override MethodOptions? Read(JsonObject config) => null;
    }

    private sealed class Spy(string name, SpyOptions options) : PeftMethod(name)
    {
        private readonly int _value = options.Value;

        public List<string> Calls { get; } = [];

        public bool Known { get; set; } = true;

        public Tensor Remembered { get; } = ones(1).mul_(options.Value).DetachFromDisposeScope();

        public int Count { get; private set; } = options.Value;

        public override MethodOptions Options => options;

        public void Forget()
        {
            Remembered.zero_();
            Count = 0;
        }

        protected override void OnAttach(MethodHost host)
        {
            Add("", "spied", ones(1).mul_(_value));
            OnDetach(Remembered.Dispose);
            if (_value == 1) Tag.NeedAllTokens(); // the second does not take it back
        }

        public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call)
        {
            Calls.Add($"loss {call.Step.Step}");
            return loss.Plus(ones(1).mul_(_value));
        }

        public override void OnPrepare(PreparationData data) => Calls.Add($"prepare {data.Seed}");

        public IReadOnlyList<TrainingPhase> OwnPhases { get; set; } = [];

        public override IReadOnlyList<TrainingPhase> Phases => OwnPhases;

        public override void OnPhase(int phase) => Calls.Add($"phase {phase}");

        public override void AfterBackward(StepState step) => Calls.Add($"after backward {step.Seed}");

        public override void BeforeStep(StepState step) => Calls.Add($"before step {step.Seed}");

        public override void AfterStep(StepState step) => Calls.Add($"after step {step.Seed}");

        public override IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor> { ["kept"] = Remembered };

        public override JsonNode? StateJson => JsonValue.Create(Count);

        public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
        {
            base.RestoreState(tensors, json);
            Count = json!.GetValue<int>();
        }

        public override bool EncoderIsKnown => Known;

        public override void EncoderRestored() => Calls.Add("encoder restored");
    }
}
