using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>A tiny model, a batch, and what the laws do with them. Everything that it hands out lives as long as it does.</summary>
internal sealed class Bench : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public Bench(string architecture, ScalarType precision = ScalarType.Float32, int width = 32)
        : this(architecture, new ModelOptions { Precision = precision }, width)
    {
    }

    public Bench(string architecture, ModelOptions options, int width = 32)
    {
        Peft = new PeftModel(TinyModels.Create(architecture, options, width));
        Batch = TinyModels.Batch(task: Task);
    }

    public PeftModel Peft { get; }

    /// <summary>What the model is asked for.</summary>
    public TaskKind Task => Peft.Model.Head.Kind;

    public SiteMap Sites => Peft.Model.Sites;

    public TokenBatch Batch { get; }

    public PeftMethod Add(string method, string name = "first", ulong seed = 11) => Add(TinySettings.Of(method), name, seed);

    public PeftMethod Add(MethodOptions options, string name = "first", ulong seed = 11) => Peft.Add(options, name, seed);

    /// <summary>Logits of the batch, or of one of its rows, in inference mode.</summary>
    public Tensor Logits(AdapterSelection selection, int? row = null)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Peft.Forward(row is null ? Batch : TinyModels.Batch(row, Task), selection).Logits.MoveToOuterDisposeScope();
    }

    /// <summary>Logits of any batch, in inference mode.</summary>
    public Tensor Logits(TokenBatch batch, AdapterSelection selection)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Peft.Forward(batch, selection).Logits.MoveToOuterDisposeScope();
    }

    /// <summary>Moves an adapter off its start, where many parts do nothing yet.</summary>
    public static void Disturb(PeftMethod adapter, double by = 0.1, ulong seed = 70)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (tensor, i) in adapter.Tensors.Select((t, i) => (t, i)))
            tensor.Value.Increase(Initial.Normal(tensor.Value.shape, by, seed + (ulong)i).to(tensor.Value.dtype));
        adapter.EncoderRestored();
    }

    public Tensor Logits(PeftMethod adapter) => Logits(AdapterSelection.Of(adapter.Tag));

    public Tensor Loss(PeftMethod adapter, bool training = false, ulong seed = 0, bool checkpointing = false)
    {
        var step = new StepState((long)seed, 0, 1000, seed, 0.01);
        var context = new ForwardContext
        {
            Selection = AdapterSelection.Of(adapter.Tag),
            Training = training,
            Step = training ? step : null,
            Seed = seed,
            Checkpointing = checkpointing,
        };
        BatchLoss Forward(ForwardContext call) => Peft.Model.Loss(Batch, call);
        return adapter.ComputeLoss(Forward(context), new LossCall(new StepState(0, 0, 1, seed, 0.01), context, Forward)).Mean;
    }

    public static AdamW Optimizer(PeftMethod adapter) =>
        new([.. adapter.Tensors.Select(t => new TrainableParameter(t.Name, t.Value, t.Decay))], 0.9, 0.999, 1e-8, 0);

    /// <summary>One step as the trainer takes it. <paramref name="look"/> sees the gradients.</summary>
    public void Step(PeftMethod adapter, AdamW optimizer, int step, bool training = false, bool checkpointing = false, Action? look = null)
    {
        using var scope = NewDisposeScope();
        AutogradFailures.Backward(Loss(adapter, training, 100 + (ulong)step, checkpointing));
        var state = new StepState(step, 0, 100, 100 + (ulong)step, 0.01);
        adapter.AfterBackward(state);
        look?.Invoke();
        adapter.BeforeStep(state);
        optimizer.Step(0.01);
        adapter.AfterStep(state);
        optimizer.ZeroGrad();
    }

    public void Train(PeftMethod adapter, int steps = 3, bool training = false)
    {
        using var optimizer = Optimizer(adapter);
        for (var step = 0; step < steps; step++) Step(adapter, optimizer, step, training);
    }

    /// <summary>Copies of every base tensor.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> BaseTensors() => [.. Sites.Slots.Select(s => (s.Name, s.Value.clone()))];

    /// <summary>Plug-ins at all sites together.</summary>
    public int Plugins =>
        Sites.Projections.Sum(s => s.Plugins.Items.Count)
            + Sites.Branches.Sum(s => s.Plugins.Items.Count)
            + Sites.Attentions.Sum(s => s.Plugins.Items.Count)
        + Sites.Inputs.Sum(s => s.Plugins.Items.Count)
            + Sites.Embeddings.Sum(s => s.Plugins.Items.Count)
            + Sites.Layers.Sum(s => s.Plugins.Items.Count);

    /// <summary>The places that a message about the model can name.</summary>
    public IEnumerable<string> SitePaths =>
        Sites.Projections.Select(s => s.Path).Concat(Sites.Branches.Select(s => s.Path)).Concat(Sites.Attentions.Select(s => s.Path))
            .Concat(Sites.Inputs.Select(s => s.Path)).Concat(Sites.Embeddings.Select(s => s.Path)).Concat(Sites.Layers.Select(s => s.Path));

    public void Dispose()
    {
        Peft.Dispose();
        _scope.Dispose();
    }
}
