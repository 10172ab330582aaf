using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs;

/// <summary>What a run would count, need and write, found by some of its steps in a process that then ends.</summary>
public sealed class DryRun
{
    private const int StepsALine = 10;

    private readonly TrainSettings _settings;

    private DryRun(
        TrainSettings settings, TrainInputs inputs, OutputFolder? folder, RunEstimate estimate, IReadOnlyList<ExpectedFile> files)
    {
        (_settings, Inputs, Folder, Estimate, Files) = (settings, inputs, folder, estimate, files);
    }

    /// <summary>What the run works on.</summary>
    internal TrainInputs Inputs { get; }

    /// <summary>Where it would write; null for a run in memory.</summary>
    public OutputFolder? Folder { get; }

    /// <summary>What is trained, by kind of module.</summary>
    public IReadOnlyList<Component> Components => Component.Of(Inputs.Adapter);

    /// <summary>The rows to train on.</summary>
    public TokenizedDataset Train => Inputs.Train;

    /// <summary>The rows to score on; null for none.</summary>
    public TokenizedDataset? Held => Inputs.Held;

    /// <summary>How many weights would be trained.</summary>
    public ParameterCount Parameters => Inputs.Parameters;

    /// <summary>Steps, memory and time.</summary>
    public RunEstimate Estimate { get; }

    /// <summary>The files that it would write.</summary>
    public IReadOnlyList<ExpectedFile> Files { get; }

    /// <summary>All that was found, as JSON.</summary>
    public JsonObject Report => DryRunDocument.Of(this);

    /// <summary>Bytes of all files.</summary>
    internal long Bytes => Files.Sum(f => f.Bytes);

    /// <summary>Saved states that the working folder holds at most. What a run saves to go on from holds weights and optimizer: as many
    /// bytes as gradients and optimizer take in memory.</summary>
    public int SavedStates => Folder is not null && _settings.ForCheckpoints() is { Moment: not SaveMoment.Never } saved ? saved.Limit : 0;

    /// <summary>What would go wrong, a sentence each.</summary>
    public IReadOnlyList<string> Warnings
    {
        get
        {
            var warnings = new List<string>();
            if (Estimate.ExceedsMemory) warnings.Add(Advice.OnMemory(_settings, Inputs.IsFull, Estimate.Memory.Peak, Estimate.Machine));
            var most = Bytes + SavedStates * Estimate.Memory.State;
            if (Folder?.FreeSpace is { } free && free < most)
                warnings.Add(
                    $"The run would write up to {Figures.Bytes(most)} at {Folder.Target}, but its disk has {Figures.Bytes(free)} free; "
                    + $"free space there, or choose another folder with {_settings.Caller.Setting("output_dir")}.");
            return warnings;
        }
    }

    internal static DryRun Of(
        TrainSettings settings, TrainInputs inputs, OutputFolder? folder, RunObserver observer, TimeSpan loading,
        CancellationToken cancellation)
    {
        if (settings.CacheTrunk)
        {
            FrozenTrunk.Plan(inputs, settings, observer);
            observer.Remark("Time and memory below are those of the run without its cached trunk.");
        }
        if (inputs.Packed is not null)
            throw new SettingsException(
                "How long packed rows take is not estimated; ask without packing: time and memory are about the same, in fewer steps.");
        var evaluator = inputs.Evaluator();
        var options = settings.ForTrainer(inputs.IsFull, evaluator is not null);
        void Progress(int done, int most)
        {
            if (done % StepsALine == 1 || done == most) observer.Remark($"probe: step {done} of at most {most}");
        }
        IReadOnlyList<ExpectedFile> files = [];
        var estimate = RunEstimate.Create(
            inputs.Trained(settings), inputs.Train, inputs.Batches(settings), options, inputs.Model.Model.Width, evaluator, loading,
            (forecast, probe) => files = ExpectedFile.All(settings, inputs, forecast, probe, observer), Progress,
            settings.ForCheckpoints().Moment, cancellation);
        return new(settings, inputs, folder, estimate, files);
    }
}
