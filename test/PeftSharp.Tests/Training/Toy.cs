using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Training;

/// <summary>A small network with dropout over a fixed table of token features; three classes.</summary>
internal sealed class ToyModel : ITrainingModel, IDisposable
{
    private const int Features = 8, Hidden = 16;
    private readonly Tensor _table, _w1, _b1, _w2;

    public ToyModel(double dropout = 0.2, ulong seed = 3)
    {
        Dropout = dropout;
        _table = Numbers(seed, 1, ToyBatches.Vocabulary, Features);
        _w1 = Numbers(seed, 2, Hidden, Features).requires_grad_();
        _b1 = Numbers(seed, 3, Hidden).requires_grad_();
        _w2 = Numbers(seed, 4, 3, Hidden).requires_grad_();
        Parameters = [new("w1", _w1, true), new("b1", _b1, false), new("w2", _w2, true)];
        MethodState = new Dictionary<string, Tensor> { ["count"] = zeros(1) };
    }

    public double Dropout { get; }
    public Tensor Table => _table;
    public long PoisonAtStep { get; init; } = -1;
    public int AddedTokens { get; init; }
    public List<string> Calls { get; } = [];
    public IReadOnlyList<TrainableParameter> Parameters { get; }
    public IReadOnlyDictionary<string, Tensor> MethodState { get; }

    public Tensor Logits(TokenBatch batch, ulong seed)
    {
        var x = _table[batch.InputIds].mean([1]);
        var h = DropoutMask.Apply(nn.functional.linear(x, _w1, _b1).tanh(), Dropout, SeedSequence.Derive(seed, "hidden"));
        return nn.functional.linear(h, _w2);
    }

    public BatchLoss Loss(TokenBatch batch, StepState state)
    {
        Calls.Add($"loss {state.Step}.{state.MicroStep}");
        var loss = nn.functional.cross_entropy(Logits(batch, state.Seed), batch.Labels!);
        return new(state.Step == PoisonAtStep ? loss * float.NaN : loss, batch.Rows);
    }

    public void AfterBackward(StepState state) => Calls.Add($"after backward {state.Step}");
    public void BeforeStep(StepState state) => Calls.Add($"before step {state.Step}");

    public void AfterStep(StepState state)
    {
        Calls.Add($"after step {state.Step}");
        Assert.All(Parameters, p => Assert.NotNull(p.Value.grad));
        using var scope = NewDisposeScope();
        MethodState["count"].add_(1);
    }

    /// <summary>The bits of every trained tensor.</summary>
    public float[] Values() => [.. Parameters.SelectMany(p => p.Value.detach().data<float>().ToArray())];

    public void Dispose()
    {
        foreach (var tensor in (Tensor[])[_table, _w1, _b1, _w2, MethodState["count"]]) tensor.Dispose();
    }

    private static Tensor Numbers(ulong seed, ulong stream, params long[] shape)
    {
        var count = shape.Aggregate(1L, (a, b) => a * b);
        using var scope = NewDisposeScope();
        var values = Enumerable.Range(0, (int)count)
            .Select(i => (SeedSequence.Derive(seed + stream * 1000, (ulong)i) >> 40) / (float)(1 << 24) - 0.5f);
        return tensor([.. values]).reshape(shape).DetachFromDisposeScope();
    }
}

/// <summary>Random sentences whose class depends on their tokens, in another order each epoch.</summary>
internal sealed class ToyBatches(int examples, int size) : IBatchSource
{
    public const int Vocabulary = 12;
    private const int Tokens = 5;

    public int Examples => examples;

    public int BatchesPerEpoch => (examples + size - 1) / size;

    public TokenBatch Batch(int epoch, int index)
    {
        var order =
            Enumerable.Range(0, examples).OrderBy(i => SeedSequence.Derive((ulong)epoch, (ulong)i)).Skip(index * size).Take(size).ToArray();
        var ids =
            order.SelectMany(e => Enumerable.Range(0, Tokens).Select(t => (long)(SeedSequence.Derive((ulong)e, (ulong)t) % Vocabulary)))
            .ToArray();
        return new TokenBatch
        {
            InputIds = tensor(ids, [order.Length, Tokens]),
            AttentionMask = ones([order.Length, Tokens], ScalarType.Int64),
            Labels = tensor([.. Enumerable.Range(0, order.Length).Select(r => ids[(r * Tokens)..((r + 1) * Tokens)].Sum() % 3)]),
            Source = order,
            RealTokens = ids.Length,
            Unpadded = true,
        };
    }
}

/// <summary>Gives scores from a list, one per evaluation; the last is repeated.</summary>
internal sealed class ScriptedEvaluator(params double[] scores) : IEvaluator
{
    public int Count { get; private set; }

    public EvaluationResult Evaluate(CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var score = scores[Math.Min(Count++, scores.Length - 1)];
        return new(new Dictionary<string, double> { ["accuracy"] = score, ["loss"] = 1 - score }, "accuracy", true, 10, 0.1);
    }
}

/// <summary>Collects reports and can act on each step.</summary>
internal sealed class Recorder(Action<StepReport>? onStep = null) : ITrainingObserver
{
    public List<StepReport> Steps { get; } = [];
    public List<(long Step, bool Best)> Evaluations { get; } = [];

    public void StepCompleted(StepReport report)
    {
        Steps.Add(report);
        onStep?.Invoke(report);
    }

    public void Evaluated(long step, EvaluationResult result, bool isBest) => Evaluations.Add((step, isBest));
}
