using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Runs.Joint;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs.Recipes;

/// <summary>Everything that a training run is told; defaults are the trainer's.</summary>
internal sealed class TrainSettings
{
    /// <summary>Most tokens a row, where nobody says how many.</summary>
    internal const int UsualLength = 128;

    /// <summary>The same where the model learns to write.</summary>
    internal const int UsualLengthOfTexts = 512;

    public string? Base,
        Adapter, Revision, Method, Data, EvalData, Text, Pair, Label, Problem, Rows, Out, Format, Metric, Quantize, Pooling, SaveStrategy,
        Cache, Fuse;
    public double[]? SplitShares;
    public ulong SplitSeed = 42;
    public int DataMemory = 256;
    public bool SampleStratified, SplitStratified = true;
    public string Optimizer = "adamw_torch";
    public int? MaxLength, Take, TakeEval, EvalSteps, EarlyStopping, SaveSteps, AdapterDrop;
    public long? MaxSteps, WarmupSteps;
    public double? LearningRate;
    public double Temperature = 1;
    public IReadOnlyList<TaskEntry> Tasks = [];
    public int BatchSize = 16, Accumulate = 1, BlockSize = 64, TokensPerPass = TokenBatch.TokensPerPass, SaveLimit = 2;
    public double Epochs = 3, WarmupRatio = 0.06, WeightDecay = 0.01, MaxGradNorm = 1, Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;
    public ulong Seed = 42;
    public string Schedule = "linear", Compute = "auto", Device = "cpu", Order = "bucketed";
    public bool? Header, Quoted;
    public char? Separator, LabelSeparator;
    public string[] NoLabel = [], LabelColumns = [];
    public bool AllowBlank,
        Packing, LoadBest, DoubleQuant, Checkpointing, Overwrite, SkipBadRows, Resume, CacheTrunk, DryRun, BaseDropout = true;

    private readonly HashSet<string> _cameWithOptions = [];

    /// <summary>The settings that were given, by key, as texts.</summary>
    public Dictionary<string, string> Given { get; private set; } = [];

    /// <summary>The method's own settings by JSON name, as texts.</summary>
    public Dictionary<string, string> MethodSettings { get; } = [];

    /// <summary>The recipe that they come from, for messages; null where they come from none.</summary>
    public string? Recipe { get; set; }

    /// <summary>The method's settings where a program gives them as an object; else they come from <see cref="Method"/>.</summary>
    public MethodOptions? MethodOptions { get; private set; }

    /// <summary>Rows to train on that a program has in memory, instead of <see cref="Data"/>.</summary>
    public TextDataset? TrainRows { get; set; }

    /// <summary>Rows to score on that a program has in memory, instead of <see cref="EvalData"/>.</summary>
    public TextDataset? EvalRows { get; set; }

    /// <summary>Sets one of the method's own settings, which stays where another method is named afterwards.</summary>
    public void SetOfMethod(string name, string value)
    {
        MethodSettings[name] = value;
        _cameWithOptions.Remove(name);
    }

    /// <summary>Takes the method from an object, and what differs in it from the method's defaults as settings.</summary>
    public void SetMethodOptions(MethodOptions options, IEnumerable<KeyValuePair<string, string>> different)
    {
        MethodOptions = options;
        MethodSettings.Clear();
        foreach (var (name, value) in different)
        {
            MethodSettings[name] = value;
            _cameWithOptions.Add(name);
        }
    }

    /// <summary>Forgets an object that said the method, with the settings that came with it.</summary>
    public void ForgetMethodOptions()
    {
        MethodOptions = null;
        foreach (var name in _cameWithOptions) MethodSettings.Remove(name);
        _cameWithOptions.Clear();
    }

    /// <summary>Who asks for the run.</summary>
    public Caller Caller { get; init; } = Caller.Program;

    /// <summary>Where the method's settings stand, for messages.</summary>
    public string MethodSource = "--set";

    /// <summary>The method where none is named; null for none.</summary>
    public string? DefaultMethod { get; set; }

    /// <summary>The settings as one of the tasks has them.</summary>
    public TrainSettings For(TaskEntry task)
    {
        var own = (TrainSettings)MemberwiseClone();
        own.Given = new(Given);
        own.Tasks = [];
        (own.TrainRows, own.EvalRows) = (task.Rows, task.Held);
        foreach (var (key, value) in task.Settings)
            TrainKeys.Find(key)!.Apply(own, value, $"{Caller.Setting("tasks")}: {key} of {task.Name}");
        if (own.Data is null && own.TrainRows is null)
            throw new SettingsException(
                $"{Caller.Setting("tasks")}: {task.Name} has no data; give its rows, such as {task.Name}=data/{task.Name}.");
        return own;
    }

    /// <summary>Most tokens a row: those of the adapter that is gone on with, else 128, unless the model takes fewer.</summary>
    public int Length(int model, int? earlier = null) => MaxLength ?? Math.Min(earlier ?? UsualLength, model);

    /// <summary>The learning rate: adapters want a larger one than a whole model.</summary>
    public double Rate(bool full) => LearningRate ?? (full ? 2e-5 : 5e-4);

    /// <summary>How frozen weights are kept in few bits; null for as they are.</summary>
    /// <exception cref="SettingsException">A setting of four bits was given for eight.</exception>
    public Quantization? Quantization => Quantize != "int8" || (BlockSize == 64 && !DoubleQuant)
        ? Models.Quantization.Named(Quantize, BlockSize, DoubleQuant)
        : throw new SettingsException(
            $"int8 has one scale a row, and {Caller.Setting(DoubleQuant ? "bnb_4bit_use_double_quant" : "bnb_4bit_blocksize")} is for "
            + "nf4 and fp4; leave it out.");

    /// <summary>When the state of the run is saved.</summary>
    public CheckpointOptions ForCheckpoints() => new()
    {
        Moment = SaveStrategy switch
        {
            "no" => SaveMoment.Never,
            "epoch" => SaveMoment.Epoch,
            "steps" => SaveMoment.Steps,
            null when SaveSteps is not null => SaveMoment.Steps,
            _ => SaveMoment.Auto,
        },
        Steps = SaveSteps ?? 500,
        Limit = SaveLimit,
    };

    /// <summary>The settings as the trainer takes them.</summary>
    public TrainerOptions ForTrainer(bool full, bool scored) => new()
    {
        LearningRate = Rate(full),
        StateFolder = Cache,
        Epochs = Epochs,
        MaxSteps = MaxSteps ?? 0,
        Accumulation = Accumulate,
        TokensPerPass = TokensPerPass,
        WeightDecay = WeightDecay,
        Beta1 = Beta1,
        Beta2 = Beta2,
        Epsilon = Epsilon,
        MaxGradientNorm = MaxGradNorm,
        Optimizer = Optimizer,
        Schedule = Schedule,
        // No steps of warm-up are none: the share is not asked then.
        WarmupRatio = WarmupSteps is null ? WarmupRatio : 0,
        WarmupSteps = WarmupSteps ?? 0,
        Seed = Seed,
        Evaluation = !scored ? EvaluationMoment.Never : EvalSteps is null ? EvaluationMoment.Epoch : EvaluationMoment.Steps,
        EvaluationSteps = EvalSteps ?? 500,
        LoadBest = LoadBest && scored,
        Patience = scored ? EarlyStopping ?? 0 : 0,
    };
}
