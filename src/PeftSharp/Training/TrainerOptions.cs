using System.Text.Json.Serialization;
using PeftSharp.Data;
using PeftSharp.Training.Optimizers;

namespace PeftSharp.Training;

/// <summary>Settings of a training run, under Hugging Face's names.</summary>
public sealed record TrainerOptions
{
    /// <summary>Peak learning rate; above 0; default 5e-4.</summary>
    [JsonPropertyName("learning_rate")]
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Passes over the data; above 0, may be a fraction; default 3.</summary>
    [JsonPropertyName("num_train_epochs")]
    public double Epochs { get; init; } = 3;

    /// <summary>Optimizer steps, instead of epochs; 0 (default) for epochs.</summary>
    [JsonPropertyName("max_steps")]
    public long MaxSteps { get; init; }

    /// <summary>Micro-batches summed before each step; default 1. The sum is the gradient of the mean over all their examples.</summary>
    [JsonPropertyName("gradient_accumulation_steps")]
    public int Accumulation { get; init; } = 1;

    /// <summary>
    /// Most padded tokens of a forward and backward pass, virtual ones included; a larger batch goes through in parts, which sum to the
    /// same gradient and keep fewer activations; 0 for no limit; default 512.
    /// </summary>
    [JsonPropertyName("max_tokens_per_pass")]
    public int TokensPerPass { get; init; } = TokenBatch.TokensPerPass;

    /// <summary>Decoupled weight decay, not on biases and norms; default 0.01.</summary>
    [JsonPropertyName("weight_decay")]
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Adam's decay of the mean of gradients; default 0.9.</summary>
    [JsonPropertyName("adam_beta1")]
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Adam's decay of the mean of squared gradients; default 0.999.</summary>
    [JsonPropertyName("adam_beta2")]
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Adam's small number; default 1e-8.</summary>
    [JsonPropertyName("adam_epsilon")]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Largest global norm of the gradient; 0 for no clipping; default 1.</summary>
    [JsonPropertyName("max_grad_norm")]
    public double MaxGradientNorm { get; init; } = 1;

    /// <summary>
    /// <c>adamw_torch</c> (default) or <c>sgd</c>; <c>adamw_8bit</c> keeps Adam's two means in a byte a weight each;
    /// <c>paged_adamw_32bit</c> and <c>paged_adamw_8bit</c> keep them in a file that the system pages in and out.
    /// </summary>
    [JsonPropertyName("optim")]
    public string Optimizer { get; init; } = "adamw_torch";

    /// <summary>
    /// Folder of the file of a paged optimizer; null (default): <c>peftsharp/scratch</c> in the user's folder for caches.
    /// </summary>
    [JsonIgnore]
    public string? StateFolder { get; init; }

    /// <summary>Momentum of <c>sgd</c>; default 0.</summary>
    [JsonPropertyName("momentum")]
    public double Momentum { get; init; }

    /// <summary>Schedule of the learning rate; default <c>linear</c>.</summary>
    [JsonPropertyName("lr_scheduler_type")]
    public string Schedule { get; init; } = "linear";

    /// <summary>Share of the steps for warm-up; default 0.06.</summary>
    [JsonPropertyName("warmup_ratio")]
    public double WarmupRatio { get; init; } = 0.06;

    /// <summary>Steps for warm-up, instead of a share; 0 (default) for the share.</summary>
    [JsonPropertyName("warmup_steps")]
    public long WarmupSteps { get; init; }

    /// <summary>Seed of every random draw; default 42.</summary>
    [JsonPropertyName("seed")]
    public ulong Seed { get; init; } = 42;

    /// <summary>When the model is scored; default after every epoch.</summary>
    [JsonPropertyName("eval_strategy")]
    public EvaluationMoment Evaluation { get; init; } = EvaluationMoment.Epoch;

    /// <summary>Steps between evaluations where <see cref="Evaluation"/> is by steps; default 500.</summary>
    [JsonPropertyName("eval_steps")]
    public long EvaluationSteps { get; init; } = 500;

    /// <summary>True puts the best evaluation's weights back at the end; default false.</summary>
    [JsonPropertyName("load_best_model_at_end")]
    public bool LoadBest { get; init; }

    /// <summary>Stops after so many evaluations without a better score; 0 (default) for never. Keeps the best weights.</summary>
    [JsonPropertyName("early_stopping_patience")]
    public int Patience { get; init; }

    /// <summary>By how much a score must be better to count; default 0.</summary>
    [JsonPropertyName("early_stopping_threshold")]
    public double Threshold { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="PeftException">A value is out of range; the message names it.</exception>
    public void Validate()
    {
        Check("learning_rate", LearningRate, LearningRate > 0 && double.IsFinite(LearningRate), "a number above 0");
        Check("num_train_epochs", Epochs, Epochs > 0 && double.IsFinite(Epochs), "a number above 0");
        Check("max_steps", MaxSteps, MaxSteps >= 0, "0 or more");
        Check("gradient_accumulation_steps", Accumulation, Accumulation >= 1, "1 or more");
        Check("max_tokens_per_pass", TokensPerPass, TokensPerPass >= 0, "0 or more");
        Check("weight_decay", WeightDecay, WeightDecay >= 0, "0 or more");
        Check("adam_beta1", Beta1, Beta1 is >= 0 and < 1, "from 0 to less than 1");
        Check("adam_beta2", Beta2, Beta2 is >= 0 and < 1, "from 0 to less than 1");
        Check("adam_epsilon", Epsilon, Epsilon > 0, "a number above 0");
        Check("max_grad_norm", MaxGradientNorm, MaxGradientNorm >= 0, "0 or more");
        Check("warmup_ratio", WarmupRatio, WarmupRatio is >= 0 and <= 1, "from 0 to 1");
        Check("warmup_steps", WarmupSteps, WarmupSteps >= 0, "0 or more");
        Check("eval_steps", EvaluationSteps, EvaluationSteps >= 1, "1 or more");
        Check("early_stopping_patience", Patience, Patience >= 0, "0 or more");
        Check("momentum", Momentum, Momentum is >= 0 and < 1, "from 0 to less than 1");
        Check("optim", Optimizer, OptimizerKind.Names.Contains(Optimizer), $"one of {string.Join(", ", OptimizerKind.Names)}");
        Check(
            "lr_scheduler_type", Schedule, PeftSharp.Training.Schedule.Names.Contains(Schedule),
            $"one of {string.Join(", ", PeftSharp.Training.Schedule.Names)}");
    }

    /// <summary>Optimizer steps of an epoch of so many batches; the last may have fewer micro-batches.</summary>
    internal int StepsPerEpoch(int batches) => Math.Max(1, (batches + Accumulation - 1) / Accumulation);

    /// <summary>Optimizer steps of the whole run.</summary>
    internal long TotalSteps(int batchesPerEpoch) =>
        MaxSteps > 0 ? MaxSteps : Math.Max(1, (long)Math.Ceiling(Epochs * StepsPerEpoch(batchesPerEpoch)));

    private static void Check(string name, object value, bool good, string expected)
    {
        if (!good) throw new PeftException($"The setting {name} is {value}; expected {expected}.");
    }
}
