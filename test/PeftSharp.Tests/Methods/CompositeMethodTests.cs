using System.Reflection;
using System.Text.Json.Nodes;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Methods.Hybrid.Union;
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
        Assert.True(hooks.Count >= 14);
        var forwarded = typeof(CompositeMethod).GetMethods(every).Select(m => m.GetBaseDefinition()).ToHashSet();
        Assert.Equal([], hooks.Where(m => !forwarded.Contains(m)).Select(m => m.Name));
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
        Assert.True(union.MayLeaveOut("spare 2", AdapterFormat.AdapterHub));
        Assert.False(union.MayLeaveOut("spare 3", AdapterFormat.AdapterHub));
        Assert.Equal(["spied 1", "spied 2"], union.SavedTensors(AdapterFormat.AdapterHub).Select(t => t.Key));
        Assert.Equal("live 2", union.ReferenceName(spies[1].Tensors[0], AdapterFormat.AdapterHub));
        Assert.True(union.Tag.NeedsAllTokens);
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
        Assert.Equal([1f, 2f], spies.Select(s => s.Kept.item<float>()));
        Assert.Equal([1, 2], spies.Select(s => s.Count));

        // The second part's state is missing: the first keeps what it has.
        foreach (var spy in spies) spy.Forget();
        Refusal.Sentence(() => union.RestoreState(tensors.Where(t => t.Key.StartsWith('0')).ToDictionary(), json), "kept");
        Assert.Equal([0f, 0f], spies.Select(s => s.Kept.item<float>()));
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
    }

    private sealed class Spy(string name, SpyOptions options) : PeftMethod(name)
    {
        private readonly int _value = options.Value;

        public List<string> Calls { get; } = [];

        public bool Known { get; set; } = true;

        public Tensor Kept { get; } = ones(1).mul_(options.Value).DetachFromDisposeScope();

        public int Count { get; private set; } = options.Value;

        public override MethodOptions Options => options;

        public void Forget()
        {
            Kept.zero_();
            Count = 0;
        }

        protected override void OnAttach(MethodHost host)
        {
            Add("", "spied", ones(1).mul_(_value));
            OnDetach(Kept.Dispose);
            if (_value == 1) Tag.NeedAllTokens(); // the second does not take it back
        }

        public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call)
        {
            Calls.Add($"loss {call.Step.Step}");
            return loss.Plus(ones(1).mul_(_value));
        }

        public override void OnPrepare(PreparationData data) => Calls.Add($"prepare {data.Seed}");

        public override void AfterBackward(StepState step) => Calls.Add($"after backward {step.Seed}");

        public override void BeforeStep(StepState step) => Calls.Add($"before step {step.Seed}");

        public override void AfterStep(StepState step) => Calls.Add($"after step {step.Seed}");

        public override IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor> { ["kept"] = Kept };

        public override JsonNode? StateJson => JsonValue.Create(Count);

        public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
        {
            base.RestoreState(tensors, json);
            Count = json!.GetValue<int>();
        }

        public override string? SavedName(AdapterTensor tensor, AdapterFormat format) => $"spied {_value}";

        public override string ReferenceName(AdapterTensor tensor, AdapterFormat format) => $"live {_value}";

        public override bool MayLeaveOut(string key, AdapterFormat format) => key == $"spare {_value}";

        public override bool EncoderIsKnown => Known;

        public override void EncoderRestored() => Calls.Add("encoder restored");
    }
}
