using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs.Training;

/// <summary>
/// Where a run works until it is done: the work folder beside the result's. It holds the recipe, the checkpoints, the lock and, being
/// written, the result; it is deleted once the result is in place, and stays where a run was cut off, to go on from.
/// </summary>
internal sealed class RunFolder : IDisposable
{
    private RunFolder(OutputFolder output, int limit)
    {
        Output = output;
        Checkpoints = new(output.Work, limit);
    }

    /// <summary>The result, as it is being written.</summary>
    public OutputFolder Output { get; }

    /// <summary>The checkpoints.</summary>
    public CheckpointStore Checkpoints { get; }

    /// <summary>True if a resume finds that the run has come to its end.</summary>
    public bool IsFinished { get; private set; }

    /// <summary>The work folder of a result.</summary>
    public static string Of(string path) => OutputFolder.WorkOf(path);

    /// <summary>Takes the place of a run: refuses what must not be touched, and mends what a killed process left.</summary>
    public static RunFolder Open(TrainSettings settings, params string?[] inputs)
    {
        var folder = new RunFolder(OutputFolder.Take(settings.Out!, Options(settings)), settings.SaveLimit);
        try
        {
            if (settings.Resume) folder.PlanToGoOn(settings, inputs);
            else folder.PlanAnew(settings, inputs);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Refuses what <see cref="Open"/> would refuse of a run from its start, and touches nothing.</summary>
    public static OutputFolder Look(TrainSettings settings, params string?[] inputs)
    {
        var folder = OutputFolder.Look(settings.Out!, Options(settings));
        RequireNoCheckpoint(settings, new(folder.Work));
        folder.Require(Options(settings), inputs);
        return folder;
    }

    /// <summary>Everything has been checked: from here on the folder is this run's.</summary>
    public void Start(TrainSettings settings, IEnumerable<KeyValuePair<string, string>> changes, string compute)
    {
        if (!settings.Resume) Checkpoints.Clear();
        SavedRecipe.Write(Output.Work, settings, changes, compute);
        Output.Create();
    }

    /// <summary>Moves the result into place; what is left to go on from stays only where the run is not at its end.</summary>
    public void Finish(bool atEnd) => Output.Finish(atEnd);

    public void Dispose() => Output.Dispose();

    private static OutputOptions Options(TrainSettings settings) => settings.Caller.Output with { Overwrite = settings.Overwrite };

    private static void RequireNoCheckpoint(TrainSettings settings, CheckpointStore checkpoints)
    {
        if (!settings.Overwrite && checkpoints.Steps.Count > 0)
            throw new SettingsException(
                $"{settings.Caller.Setting("output_dir", settings.Out!)} holds a run that was cut off after step {checkpoints.Steps[0]}; "
                + $"go on with {settings.Caller.Setting("resume_from_checkpoint", "true")}, or start it anew with "
                + $"{settings.Caller.Setting("overwrite_output_dir", "true")}.");
    }

    private void PlanAnew(TrainSettings settings, string?[] inputs)
    {
        RequireNoCheckpoint(settings, Checkpoints);
        Output.Require(Options(settings), inputs);
    }

    private void PlanToGoOn(TrainSettings settings, string?[] inputs)
    {
        var earlier = RunFile.TryRead(settings.Out!);
        var interrupted = earlier?.Json["interrupted"]?.GetValueKind() == System.Text.Json.JsonValueKind.True;
        IsFinished = Output.WasFinished || (earlier is not null && !interrupted && Checkpoints.Steps.Count == 0);
        if (IsFinished) return;
        // The adapter of an interrupted run makes way for that of the whole one; what others put beside it meanwhile moves along.
        Output.Require(Options(settings) with { Overwrite = settings.Overwrite || interrupted, KeepOthers = interrupted }, inputs);
    }
}
