using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Interop;

namespace PeftSharp.Runs.Comparing;

/// <summary>What is known of every cell, as compare.json, summary.csv and cells.csv; written whole after each cell.</summary>
internal sealed class CompareReport(ComparisonPlan plan, string root, Caller caller)
{
    private readonly Dictionary<string, CellResult> _finished = [];
    private readonly Dictionary<string, string> _failed = [], _leftOut = [];
    private readonly List<Cell> _searched = [];
    private readonly MachineLoad? _load = MachineLoad.Now;
    private readonly Dictionary<(string Dataset, string Method), (double Rate, bool Edge)> _rates = [];

    /// <summary>The cells to compare, searches not counted.</summary>
    public List<Cell> Planned { get; set; } = [];

    /// <summary>Planned cells of which nothing is known yet.</summary>
    public IEnumerable<Cell> Open =>
        Planned.Where(c => !_finished.ContainsKey(c.Id) && !_failed.ContainsKey(c.Id) && !_leftOut.ContainsKey(c.Id));

    public int Failures => _failed.Count;

    public int LeftOut => _leftOut.Count;

    public IReadOnlyList<MethodSummary> Summaries => MethodSummary.Of(Planned.Select(c => (c, _finished.GetValueOrDefault(c.Id))));

    /// <summary>A search made other settings of a cell.</summary>
    public void Replace(Cell cell, Cell ready) => Planned[Planned.IndexOf(cell)] = ready;

    public void Finish(Cell cell, CellResult result, bool earlier)
    {
        _finished[cell.Id] = result;
        if (cell.IsSearch) _searched.Add(cell);
        if (!earlier) Write();
    }

    public void Fail(Cell cell, string why)
    {
        _failed[cell.Id] = why;
        if (cell.IsSearch) _searched.Add(cell);
        Write();
    }

    public void LeaveOut(Cell cell, string why)
    {
        _leftOut[cell.Id] = why;
        if (cell.IsSearch) _searched.Add(cell);
    }

    public bool IsLeftOut(Cell cell) => _leftOut.ContainsKey(cell.Id);

    public void Found((string, string) key, double rate, bool edge) => _rates[key] = (rate, edge);

    /// <summary>The report as JSON.</summary>
    public JsonObject Json() => new()
    {
        ["program"] = caller.Name,
        ["plan"] = plan.Source,
        ["processor"] = _finished.Values.Select(f => f.Processor).FirstOrDefault(),
        ["load_at_start"] = _load is { } load ? JsonText.Number(load.Average) : null,
        ["processors"] = Environment.ProcessorCount,
        ["seeds"] = new JsonArray([.. plan.Seeds.Select(s => (JsonNode)s)]),
        ["learning_rate_search"] = plan.Search is null ? null : new JsonObject
        {
            ["rates"] = new JsonArray([.. plan.Search.Rates.Select(r => (JsonNode)r)]),
            ["rows"] = plan.Search.Take,
            ["epochs"] = plan.Search.Epochs,
            ["found"] = new JsonArray(
                [
                    .. _rates.Select(
                        r =>
                            (JsonNode)new JsonObject
                            {
                                ["dataset"] = r.Key.Dataset,
                                ["method"] = r.Key.Method,
                                ["learning_rate"] = r.Value.Rate,
                                ["at_the_edge"] = r.Value.Edge,
                            }),
                ]),
        },
        ["summary"] = new JsonArray([.. Summaries.Select(s => (JsonNode)s.Json())]),
        ["cells"] = new JsonArray([.. All.Select(c => (JsonNode)Json(c))]),
    };

    public void Write()
    {
        AtomicFile.WriteText(Path.Combine(root, "compare.json"), JsonText.Text(Json()) + "\n");
        AtomicFile.WriteText(Path.Combine(root, "summary.csv"), CsvTable.Text(Summaries.Select(s => s.Json())));
        AtomicFile.WriteText(Path.Combine(root, "cells.csv"), CsvTable.Text(All.Select(Json)));
    }

    private IEnumerable<Cell> All => Planned.Concat(_searched.DistinctBy(c => c.Id));

    private JsonObject Json(Cell cell)
    {
        var result = _finished.GetValueOrDefault(cell.Id);
        return new()
        {
            ["dataset"] = cell.Dataset,
            ["method"] = cell.Method,
            ["seed"] = cell.Seed,
            ["search"] = cell.IsSearch,
            ["state"] = result is not null ? "finished"
                : _failed.ContainsKey(cell.Id) ? "failed"
                : _leftOut.ContainsKey(cell.Id) ? "left out"
                : "open",
            ["reason"] = _failed.GetValueOrDefault(cell.Id) ?? _leftOut.GetValueOrDefault(cell.Id),
            ["metric"] = result?.Metric,
            ["score"] = result is null ? null : JsonText.Number(result.Score),
            ["learning_rate"] = result is null ? cell.SearchedRate : JsonText.Number(result.LearningRate),
            ["trainable"] = result?.Trained,
            ["adapter_bytes"] = result?.AdapterBytes,
            ["peak_memory_bytes"] = result?.PeakBytes,
            ["seconds"] = result?.Seconds,
            ["process_seconds"] = result?.ProcessSeconds,
            ["samples_per_second"] = result is null ? null : JsonText.Number(result.SamplesPerSecond),
            ["evaluation_samples_per_second"] = result?.EvaluationSamplesPerSecond,
            ["compute"] = result?.Compute,
            ["folder"] = $"cells/{cell.Id}",
        };
    }
}
