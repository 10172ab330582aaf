using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>Steps of a LoRA on all linear maps of a causal model, on random tokens that are all learnt.</summary>
internal sealed class CausalStep : IDisposable
{
    private readonly PeftModel _model;
    private readonly TrainableAdapter _training;
    private readonly IOptimizer _optimizer;
    private readonly TokenBatch _batch;
    private readonly HeapGrowth _heap = new();
    private long _step;

    /// <param name="folder">The model.</param>
    /// <param name="quantize">How its weights are kept; null for dense.</param>
    /// <param name="compute">In which precision.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="tokens">Tokens of a row.</param>
    /// <param name="optimizer">The optimizer by transformers' name.</param>
    /// <param name="rank">The adapter's rank.</param>
    /// <param name="checkpointing">True recomputes layers in the backward pass.</param>
    /// <param name="unpack">True unpacks the weights of a GGUF file; false leaves them in their blocks.</param>
    /// <param name="baseDropout">False switches the model's own dropout off.</param>
    public CausalStep(
        string folder, Quantization? quantize, ComputeType compute, int rows, int tokens, string optimizer = "adamw_torch", int rank = 16,
        bool checkpointing = true, bool unpack = true, bool baseDropout = true)
    {
        _model = new(ModelLoader.Load(
            folder, new ModelOptions { Task = TaskKind.CausalLanguage, Compute = compute, Quantize = quantize, Unpack = unpack }));
        var adapter = _model.Add(new LoraOptions { Rank = rank, TargetModules = new("all-linear") });
        _training = new(_model, adapter, new ForwardOptions { Checkpointing = checkpointing, BaseDropout = baseDropout });
        _optimizer = OptimizerKind.Create(_training.Parameters, new TrainerOptions { Optimizer = optimizer });
        var ids = randint(3, _model.Model.Config.Size("vocab_size"), new long[] { rows, tokens }, dtype: ScalarType.Int64);
        _batch = new()
        {
            InputIds = ids,
            AttentionMask = ones([rows, tokens], dtype: ScalarType.Int64),
            Labels = ids.clone(),
            Unpadded = true,
            RealTokens = rows * tokens,
        };
    }

    /// <summary>
    /// Operations of the products of maps and head in a step, forward and to the input: four a weight and token. Attention's own products
    /// are left out.
    /// </summary>
    public double Work
    {
        get
        {
            var maps = _model.Model.Sites.Projections.Where(p => p.Layer >= 0).Sum(p => p.InFeatures * p.OutFeatures);
            return 4.0 * (maps + (long)_model.Model.Head.Outputs * _model.Model.Width) * _batch.RealTokens;
        }
    }

    /// <summary>Weights that are trained.</summary>
    public long Trained => _training.Parameters.Sum(p => p.Value.numel());

    /// <summary>Weights of the model, and bytes that they are kept in.</summary>
    public (long Weights, long Bytes) Base => (_model.Model.Sites.Count, _model.Model.Sites.Slots.Sum(s => s.Bytes));

    /// <summary>One step; its milliseconds and its loss.</summary>
    /// <param name="reached">Told what has just ended.</param>
    public (double Milliseconds, double Loss) Run(Action<string>? reached = null)
    {
        var start = Stopwatch.GetTimestamp();
        var loss = Update(reached);
        _heap.AfterStep(); // as the trainer does
        return (Stopwatch.GetElapsedTime(start).TotalMilliseconds, loss);
    }

    private double Update(Action<string>? reached)
    {
        using var scope = NewDisposeScope();
        var loss = _training.Loss(_batch, new StepState(_step, 0, 1000, (ulong)_step++, 1e-4)).Mean;
        reached?.Invoke("forward");
        AutogradFailures.Backward(loss);
        reached?.Invoke("backward");
        _optimizer.Step(1e-4);
        _optimizer.ZeroGrad();
        return loss.item<float>();
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _model.Dispose();
    }
}
