using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 12: a batch that is cut in parts, accumulated or spread gives the gradient, and the loss, of the whole.</summary>
public sealed class PartsTests
{
    private static readonly TaskKind[] Tasks =
    [
        TaskKind.Classification, TaskKind.MultiLabel, TaskKind.Regression, TaskKind.TokenClassification, TaskKind.QuestionAnswering,
        TaskKind.SequenceToSequence,
    ];

    [Theory]
    [MemberData(nameof(MatrixCases.Two), MemberType = typeof(MatrixCases))]
    public void Parts_Give_The_Gradient_Of_The_Whole(string architecture, string method)
    {
        foreach (var task in Tasks.Where(Architectures.Find(architecture)!.Tasks.Contains))
        {
            using var scope = NewDisposeScope();
            var (whole, loss) = Step(architecture, method, task, [[0, 1, 2, 3]], 0);
            foreach (
                var (batches, tokens) in (
                    IEnumerable<(int[][], int)>)[([[0, 1, 2, 3]], 9), ([[0, 1, 2, 3]], 18), ([[3, 0, 1], [2]], 0), ([[1], [2, 3, 0]], 9),
                    ([[0, 2], [3, 1]], 0)])
            {
                var (parts, mean) = Step(architecture, method, task, batches, tokens);
                Assert.Equal(loss, mean, Rounding.Exact);
                foreach (var (name, value) in whole)
                    Bits.AssertClose(
                        value, parts[name], Rounding.Exact, $"{task}, {batches.Length} batches of {tokens} tokens a pass: {name}");
            }
        }
    }

    [Fact]
    public void A_Batch_Without_Labels_Changes_Nothing_Beside_Others()
    {
        using var scope = NewDisposeScope();
        var (whole, loss) = Step("bert", "lora", TaskKind.TokenClassification, [[0, 1]], 0);
        var (parts, mean) = Step("bert", "lora", TaskKind.TokenClassification, [[0, 1], [2, 3]], 0, unlabelled: 1);
        Assert.Equal(loss, mean, Rounding.Exact);
        foreach (var (name, value) in whole) Bits.AssertClose(value, parts[name], Rounding.Exact, name);
    }

    [Theory]
    [InlineData(TaskKind.Classification)]
    [InlineData(TaskKind.TokenClassification)]
    [InlineData(TaskKind.QuestionAnswering)]
    public void Where_Nothing_At_All_Is_Labelled_One_Sentence_Says_So(TaskKind task)
    {
        using var bench = new Bench("bert", new ModelOptions { Task = task });
        var adapter = bench.Add("lora");
        var before = adapter.Tensors.Select(t => t.Value.clone()).ToList();
        using var trainer = new Trainer(
            new TrainableAdapter(bench.Peft, adapter), new Batches([[0, 1], [2, 3]], task, 0), new TrainerOptions { WeightDecay = 0.1 });
        Refusal.Sentence(() => trainer.Run(), "is labelled", "labels");
        foreach (var (tensor, start) in adapter.Tensors.Zip(before)) Bits.AssertSame(start, tensor.Value, tensor.Name);
    }

    [Fact]
    public void A_Label_That_Names_No_Class_Is_Refused_In_One_Sentence()
    {
        foreach (var wrong in (long[])[3, -1])
        {
            using var bench = new Bench("bert");
            var adapter = bench.Add("lora");
            bench.Batch.Labels!.fill_(wrong);
            Refusal.Sentence(() => bench.Loss(adapter), $"class {wrong}", "0 to 2");
        }
    }

    // One step of plain descent, without dropout: the parameters moved by the gradient.
    private static (Dictionary<string, Tensor> Moved, double Loss) Step(
        string architecture, string method, TaskKind task, int[][] batches, int tokensPerPass, int unlabelled = int.MaxValue)
    {
        using var bench = new Bench(architecture, new ModelOptions { Task = task, Precision = ScalarType.Float64 });
        var adapter = bench.Add(method);
        Bench.Disturb(adapter);
        var start = adapter.Tensors.ToDictionary(t => t.Name, t => t.Value.detach().clone());
        var options = new TrainerOptions
        {
            LearningRate = 1,
            Optimizer = "sgd",
            MaxGradientNorm = 0,
            Schedule = "constant",
            Accumulation = batches.Length,
            TokensPerPass = tokensPerPass,
            MaxSteps = 1,
        };
        using var trainer = new Trainer(new Quiet(bench, adapter), new Batches(batches, task, unlabelled), options);
        var loss = trainer.Run().Loss;
        return (adapter.Tensors.ToDictionary(t => t.Name, t => t.Value.detach().Plus(start[t.Name], -1).MoveToOuterDisposeScope()), loss);
    }

    private sealed class Batches(int[][] batches, TaskKind task, int unlabelledFrom) : IBatchSource
    {
        public int Examples => batches.Sum(b => b.Length);

        public int BatchesPerEpoch => batches.Length;

        public TokenBatch Batch(int epoch, int index)
        {
            // Each as wide as it has to be, as in training.
            var batch = TinyModels.Rows(batches[index], batches[index].Max(TinyModels.LengthOf), task: task);
            if (index >= unlabelledFrom) batch.Labels!.fill_(-100);
            return batch;
        }
    }

    /// <summary>The adapter with all dropout off: draws belong to a place in a batch.</summary>
    private sealed class Quiet(Bench bench, PeftMethod adapter) : ITrainingModel
    {
        private readonly TrainableAdapter _inner = new(bench.Peft, adapter);

        public IReadOnlyList<TrainableParameter> Parameters => _inner.Parameters;

        public int AddedTokens => _inner.AddedTokens;

        public IReadOnlyDictionary<string, Tensor> MethodState => _inner.MethodState;

        public BatchLoss Loss(TokenBatch batch, StepState state)
        {
            var context = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) };
            BatchLoss Forward(ForwardContext call) => bench.Peft.Model.Loss(batch, call);
            return adapter.ComputeLoss(Forward(context), new LossCall(state, context, Forward));
        }

        public void AfterBackward(StepState state) => _inner.AfterBackward(state);

        public void BeforeStep(StepState state) => _inner.BeforeStep(state);

        public void AfterStep(StepState state) => _inner.AfterStep(state);
    }
}
