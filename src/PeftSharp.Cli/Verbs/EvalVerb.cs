using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Data;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files.Json;
using PeftSharp.Metrics;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Evaluation;
using PeftSharp.Runs.Rows;
using PeftSharp.Training;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft eval</c>: metrics and confusion matrix on labelled rows.</summary>
internal static class EvalVerb
{
    public static void Build(Command command)
    {
        var parts = new DataParts(command);
        var metric = VerbParts.Text("--metric", "NAME", "The metric to name first. Default: what GLUE reports for the task, else accuracy or pearson.");
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
        if (model.Model.Model.Head.Kind is TaskKind.CausalLanguage or TaskKind.SequenceToSequence) return Perplexity(parsed, parts, path, model, maxLength, json);
        model.RequireHead();
        if (model.Model.Model.Head.Kind == TaskKind.MultiLabel)
            throw new PeftException($"{model.AdapterFolder ?? model.BaseFolder} answers with any number of several classes at once, for which there are no metrics yet; ask it with peft predict.");
        var request = parts.Request(parsed, path) with
        {
            Kind = model.IsRegression ? LabelKind.Regression : LabelKind.Class,
            Labels = model.IsRegression ? null : new LabelMap(model.Labels),
            Usual = model.Columns,
        };
        var (data, task) = request.Load();
        DataParts.Tell(data);
        Scoring.Match(data, model);
        var tokens = Encoders.Encode(data, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(maxLength), new CommandLineCaller("eval"));
        model.RequireRowsLike(tokens.Origin);
        var evaluator = new Evaluator(model.Model, model.Selection, tokens, Scoring.MetricsFor(data, task, metric));
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var outputs = evaluator.Outputs();
        var result = evaluator.Score(outputs) with { Seconds = watch.Elapsed.TotalSeconds };
        var matrix = model.IsRegression ? null : Scoring.Confusion(outputs, data);
        List<string> remarks = [.. Remarks(data, outputs, model)];
        if (LeftOut.Cut(tokens, new CommandLineCaller("eval")) is { } cut) remarks.Insert(0, cut);
        foreach (var remark in remarks) Console.Error.WriteLine($"remark: {remark}");
        if (json) JsonOut.Write(Document(result, data, task, matrix, model.Remarks.Concat(remarks)));
        else Print(result, data, matrix);
        return ExitCode.Success;
    }

    // How likely the model holds the answers of instruction data.
    private static int Perplexity(ParseResult parsed, DataParts parts, string path, LoadedModel model, int? maxLength, bool json)
    {
        var (data, task) = (parts.Request(parsed, path) with { Kind = LabelKind.Tokens, Usual = model.Columns }).Load();
        DataParts.Tell(data);
        var tokens = Encoders.Encode(data, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(maxLength), new CommandLineCaller("eval"));
        if (LeftOut.Cut(tokens, new CommandLineCaller("eval")) is { } cut) Console.Error.WriteLine($"remark: {cut}");
        var result = new PerplexityEvaluator(model.Model, model.Selection, tokens, tokens.Lengths).Evaluate();
        if (json) JsonOut.Write(Document(result, data, task, null, model.Remarks));
        else Print(result, data, null);
        return ExitCode.Success;
    }

    // Scores that look good and say nothing.
    private static IEnumerable<string> Remarks(TextDataset data, LogitTable outputs, LoadedModel model)
    {
        if (model.IsRegression) yield break;
        var counts = data.Examples.GroupBy(row => row.Label).Select(group => (Label: group.Key, Count: group.Count())).ToList();
        var only = LearningCheck.OnlyAnswer(MetricSet.Predictions(outputs.Values, outputs.Width));
        if (counts.Count == 1)
            yield return $"All rows have the label \"{data.LabelNames![counts[0].Label]}\": scores on them do not tell whether the model knows the others.";
        else if (only >= 0)
            yield return $"Every row is answered \"{data.LabelNames![only]}\": the scores only tell how many rows have that label; check that data and model belong together, or train further (another --pooling or --lr).";
    }

    private static void Print(EvaluationResult result, TextDataset data, ConfusionMatrix? matrix)
    {
        Console.Out.WriteLine($"{Figures.Count(result.Examples)} rows of {data.Source}{(data.SkippedRows == 0 ? "" : $" ({Figures.Count(data.SkippedRows)} left out)")}");
        ScoreTable.Of(result).Write();
        if (matrix is null) return;
        Console.Out.WriteLine();
        var grid = new Grid([.. data.LabelNames!.Select(n => $">as {n}").Prepend("true label"), ">precision", ">recall", ">f1"]);
        for (var row = 0; row < matrix.Classes && row < data.LabelNames!.Count; row++)
        {
            var scores = matrix.Scores(row);
            grid.Row([data.LabelNames[row], .. Enumerable.Range(0, data.LabelNames.Count).Select(c => Figures.Count(matrix[row, c])), Figures.Score(scores.Precision), Figures.Score(scores.Recall), Figures.Score(scores.F1)]);
        }
        grid.Write();
    }

    private static JsonObject Document(EvaluationResult result, TextDataset data, GlueTask? task, ConfusionMatrix? matrix, IEnumerable<string> remarks) => new()
    {
        ["data"] = data.Source,
        ["task"] = task?.Name,
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
