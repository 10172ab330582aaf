using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Runs.Autotuning.Structure;
using PeftSharp.Runs.Comparing;
using PeftSharp.Runs.Sources;

namespace PeftSharp.Runs.Autotuning;

/// <summary>Carries a search out in its folder.</summary>
internal sealed class AutotuneRun(AutotunePlan plan, string root, ICellRunner runner, RunObserver observer, Caller caller)
{
    private readonly AutotuneReport _report = new(plan, root, caller);

    public Autotune Run(CancellationToken cancellation)
    {
        var cells = new CellBench(root, runner, observer, plan.Budget, TrialBench.Expected);
        if (plan.Common["base_model"] is not { } given)
            throw new SettingsException($"{plan.Place}: base_model is missing; {caller.GiveBaseOfAll}.");
        if (plan.Common["data"] is null) throw new SettingsException($"{plan.Place}: data is missing; {caller.GiveDataOfAll}.");
        var folder = new ModelFolders(observer, caller, cancellation).Base($"{given}", plan.Common["model_revision"]?.ToString()).Folder;
        using var counter = new WeightCounter(folder);
        var space = new ConfigurationSpace(plan.Space, counter.Layers);
        var bench = new TrialBench(plan, cells, space, counter, observer, _report.Write);
        (_report.Trials, _report.Failures) = (bench.Trials, bench.Failures);
        Check(bench, space, cells);
        var interrupted = false;
        try
        {
            Search(bench, space, cells, cancellation);
        }
        catch (OperationCanceledException)
        {
            interrupted = true;
        }
        _report.Write();
        if (!interrupted && bench.Trials.Count == 0) throw Fruitless(bench);
        return new(_report, root, interrupted);
    }

    private void Search(TrialBench bench, ConfigurationSpace space, CellBench cells, CancellationToken cancellation)
    {
        if (cells.SecondsLeft < 0) return;
        if (plan.Strategy == AutotuneStrategy.S3Delta)
        {
            SearchStructure(bench, cells, cancellation);
            return;
        }
        if (plan.Strategy == AutotuneStrategy.Bayes) new BayesSearch(plan, space, bench).Run();
        else new HalvingSearch(plan, space, bench).Run();
        cancellation.ThrowIfCancellationRequested();
    }

    // Known by the settings of the run that it was: what was found earlier is not searched again.
    private void SearchStructure(TrialBench bench, CellBench cells, CancellationToken cancellation)
    {
        var everything = bench.CellOf(0, StructureSearch.Everything(plan), plan.Epochs);
        var file = Path.Combine(root, $"structure-{everything.Id}-{plan.MaxWeights}.json");
        if (FoundStructure.TryRead(file) is not { } found)
        {
            found = new StructureSearch(plan, cells.WriteRecipe(everything), observer).Run(cancellation);
            AtomicFile.WriteText(file, JsonText.Text(found.Json()) + "\n");
        }
        _report.Structure = found.Gates;
        bench.Try(1, found.Description, found.Settings, found.Weights, plan.Epochs);
    }

    // One configuration of the space has to be a run that starts.
    private void Check(TrialBench bench, ConfigurationSpace space, CellBench cells)
    {
        if (plan.Strategy == AutotuneStrategy.S3Delta)
        {
            Check(bench.CellOf(0, StructureSearch.Everything(plan), plan.Epochs), cells);
            return;
        }
        if (space.Draw(new(plan.Seed), bench.MayTry) is not { } first)
        {
            var wanted = plan.MaxWeights is { } most
                ? $"at most {Figures.Count(most)} weights; allow more, or smaller sizes"
                : "anything; give sizes above 0";
            throw new SettingsException($"{plan.Place}: none of 1,000 configurations of the space trains {wanted}.");
        }
        Check(bench.CellOf(0, space.Settings(first), plan.Epochs), cells);
    }

    private void Check(Cell cell, CellBench cells)
    {
        var file = cells.WriteRecipe(cell);
        try
        {
            cell.Check(file, plan.Place, caller);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private PeftException Fruitless(TrialBench bench) => bench.Failures.Count > 0
        ? new($"{plan.Place}: every trial failed, the first with: {bench.Failures[0]}")
        : new SettingsException(FormattableString.Invariant(
            $"{plan.Place}: {plan.Budget} minutes are too few for one trial; give more, or fewer rows or epochs."));
}
