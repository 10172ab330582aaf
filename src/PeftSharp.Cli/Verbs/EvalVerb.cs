using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files.Json;
using PeftSharp.Metrics;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Training;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft eval</c>: metrics and confusion matrix on labelled rows.</summary>
internal static class EvalVerb
{
    public static void Build(Command command)
    {
        var parts = new DataParts(command);
        var metric = VerbParts.Text(
            "--metric", "NAME", "The metric to name first. Default: what GLUE reports for the task, else accuracy or pearson.");
        var json = VerbParts.Json();
        command.Add(metric);
        command.Add(json);
        HelpWithExamples.Add(command,
            "eval --base models/bert-base --adapter runs/sst2 --data data/SST-2",
            "eval --base merged --data test.tsv --text-column sentence --label-column label --json");
        VerbParts.Run(command, parsed => Run(parsed, parts, parsed.GetValue(metric), parsed.GetValue(json)));
    }

    private static int Run(ParseResult parsed, DataParts parts, string? metric, bool json)
    {
        var path = VerbParts.Need(parsed, parts.Data, "eval");
        parts.Models.Need(parsed, "eval");
        var maxLength = VerbParts.Whole(parsed, parts.MaxLength, 1);
        var model = parts.Open(parsed, "eval");
        var options = new EvaluationOptions { Metric = metric, MaxLength = maxLength };
        var found =
            Evaluation.Run(model, parts.Request(parsed, path), options, new CommandLineCaller("eval"), new ConsoleObserver(quiet: false));
        foreach (var remark in found.Remarks) Console.Error.WriteLine($"remark: {remark}");
        if (json) JsonOut.Write(Document(found.Scores, found.Data, found.Task, found.Confusion, model.Remarks.Concat(found.Remarks)));
        else Print(found.Scores, found.Data, found.Confusion);
        return ExitCode.Success;
    }

    private static void Print(EvaluationResult result, TextDataset data, ConfusionMatrix? matrix)
    {
        Console.Out.WriteLine(
            $"{Figures.Count(result.Examples)} rows of "
            + $"{data.Source}{(data.SkippedRows == 0 ? "" : $" ({Figures.Count(data.SkippedRows)} left out)")}");
        ScoreTable.Of(result).Write();
        if (matrix is null) return;
        Console.Out.WriteLine();
        var grid = new Grid([.. data.LabelNames!.Select(n => $">as {n}").Prepend("true label"), ">precision", ">recall", ">f1"]);
        for (var row = 0; row < matrix.Classes && row < data.LabelNames!.Count; row++)
        {
            var scores = matrix.Scores(row);
            grid.Row(
                [
                    data.LabelNames[row], .. Enumerable.Range(0, data.LabelNames.Count).Select(c => Figures.Count(matrix[row, c])),
                    Figures.Score(scores.Precision), Figures.Score(scores.Recall), Figures.Score(scores.F1),
                ]);
        }
        grid.Write();
    }

    private static JsonObject Document(
        EvaluationResult result, TextDataset data, string? task, ConfusionMatrix? matrix, IEnumerable<string> remarks) => new()
        {
            ["data"] = data.Source,
            ["task"] = task,
            ["examples"] = result.Examples,
            ["skipped_rows"] = data.SkippedRows,
            ["problems"] = JsonText.Texts(data.Problems),
            ["remarks"] = JsonText.Texts(data.Remarks.Concat(remarks)),
            ["primary"] = result.Primary,
            ["metrics"] = JsonText.Numbers(result.Values),
            ["seconds"] = result.Seconds,
            ["labels"] = data.LabelNames is { } names ? JsonText.Texts(names) : null,
            ["confusion"] = matrix is null ? null : new JsonArray([.. Enumerable.Range(0, matrix.Classes).Select(row =>
            (JsonNode)new JsonArray([.. Enumerable.Range(0, matrix.Classes).Select(c => (JsonNode?)matrix[row, c])]))]),
        };
}
