using PeftSharp.Training;

namespace PeftSharp.Cli.Terminal;

/// <summary>Metrics as a table, the primary one first.</summary>
internal static class ScoreTable
{
    public static Grid Of(EvaluationResult result)
    {
        var grid = new Grid("metric", ">value");
        foreach (var (name, value) in result.Values.OrderBy(v => v.Key != result.Primary)) grid.Row(name, Figures.Score(value));
        return grid;
    }
}
