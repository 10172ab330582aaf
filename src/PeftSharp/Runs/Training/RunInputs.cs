using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Methods;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Sources;
using PeftSharp.Runs.Trunk;
using PeftSharp.Tokenization;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs.Training;

/// <summary>What a run works on, loaded and checked, be it one task or several: every refusal comes before the first step.</summary>
internal abstract class RunInputs : IDisposable
{
    /// <summary>The method's settings.</summary>
    public required MethodOptions Options { get; init; }

    /// <summary>The layout in which adapters are written.</summary>
    public required AdapterFormat Format { get; init; }

    /// <summary>The model with what is trained.</summary>
    public required PeftModel Model { get; init; }

    /// <summary>Where the base came from.</summary>
    public required ModelFolder Base { get; init; }

    /// <summary>The adapter that is trained; of several tasks, what they share.</summary>
    public required PeftMethod Adapter { get; init; }

    /// <summary>The tokenizer; null where rows come as token ids.</summary>
    public required Tokenizer? Tokenizer { get; init; }

    /// <summary>The precision of frozen weights.</summary>
    public required ComputeUse Compute { get; init; }

    /// <summary>The adapter that the run goes on with; null for a new one.</summary>
    public ModelFolder? Continued { get; init; }

    /// <summary>What was taken for granted in reading the data, a sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Names of the tasks; empty where there is one.</summary>
    public virtual IReadOnlyList<string> Tasks => [];

    /// <summary>True if every weight is trained.</summary>
    public bool IsFull => Options.PeftType == "FULL";

    /// <summary>How many weights are trained.</summary>
    public abstract ParameterCount Parameters { get; }

    /// <summary>True if there are rows to score on.</summary>
    public abstract bool IsScored { get; }

    /// <summary>Most tokens a row.</summary>
    public abstract int MaxLength { get; }

    /// <summary>The batches of every epoch, from a cached trunk where there is one.</summary>
    public abstract IBatchSource BatchesFor(TrainSettings settings, TrunkCache? trunk);

    /// <summary>What the trainer drives.</summary>
    /// <param name="settings">The run's settings.</param>
    /// <param name="quiet">Lowest layers in which a cached trunk leaves no dropout.</param>
    public abstract ITrainingModel Trained(TrainSettings settings, int quiet = 0);

    /// <summary>What scores; null where there are no rows for it.</summary>
    public abstract IEvaluator? Evaluator(TrunkCache? trunk = null);

    /// <summary>What makes the run the one that it is.</summary>
    public abstract RunFingerprint Identity(TrainSettings settings, TrainerOptions options, int quiet);

    /// <summary>What run.json tells of the data: problem, task, labels, columns, data; and tasks, where there are several.</summary>
    public abstract IReadOnlyDictionary<string, JsonNode?> Told(EvaluationResult? final);

    /// <summary>Why the run seems to have learnt nothing; null where it learnt.</summary>
    public abstract string? LearningRemark(
        TrainSettings settings, TrainingResult result, EvaluationResult? final, TrainingCurves curves);

    /// <summary>Writes what was trained, tokenizers and proofs into a folder that is being made.</summary>
    public abstract void WriteTo(string folder, RunObserver observer);

    /// <summary>How the forward pass runs in training.</summary>
    public static ForwardOptions Forward(TrainSettings settings, int quiet = 0) =>
        new() { BaseDropout = settings.BaseDropout, Checkpointing = settings.Checkpointing, LayersWithoutDropout = quiet };

    /// <summary>Lets go of the model and the rows.</summary>
    public virtual void Dispose() => Model.Dispose();
}
