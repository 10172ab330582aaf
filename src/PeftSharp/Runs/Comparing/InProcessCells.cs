using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Training;

namespace PeftSharp.Runs.Comparing;

/// <summary>Runs cells one after another in this process: what is measured as peak memory is the process's, not the cell's.</summary>
/// <param name="observer">Sees steps and transfers of every cell.</param>
/// <param name="cancellation">Stops a cell after its step.</param>
internal sealed class InProcessCells(RunObserver observer, CancellationToken cancellation) : ICellRunner
{
    /// <inheritdoc/>
    public string? Run(string recipe, string folder)
    {
        try
        {
            using var run = WasCutOff(folder) && Resumed(folder) is { } resumed ? resumed : Anew(recipe, folder);
            return run.Interrupted ? throw new OperationCanceledException(cancellation) : null;
        }
        catch (PeftException e)
        {
            return e.Message;
        }
    }

    private static bool WasCutOff(string folder) => Directory.Exists(OutputFolder.WorkOf(folder));

    // What cannot be taken up is run anew.
    private Run? Resumed(string folder)
    {
        try
        {
            return Runs.Run.Resume(folder, new CellObserver(observer), cancellation);
        }
        catch (PeftException)
        {
            return null;
        }
    }

    private Run Anew(string recipe, string folder)
    {
        var settings = new TrainSettings();
        RecipeFile.Apply(recipe, settings);
        (settings.Out, settings.Overwrite) = (folder, true);
        return new TrainingRun(settings, [], new CellObserver(observer)).Execute(cancellation);
    }
}
