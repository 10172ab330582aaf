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

/// <summary><c>peft eval</c>: metrics and confusion matrix on labelled rows; of models that write, how good their answers are.</summary>
internal static class EvalVerb
{
    // Answers that are shown beside their references.
    private const int Shown = 3;

    public static void Build(Command command)
    {
        var parts = new DataParts(command);
        var metric = VerbParts.Text(
            "--metric", "NAME",
            "The metric to name first. Default: what GLUE reports for the task, else accuracy or pearson; for prompts with answers "
            + "perplexity, and bleu with --generate.");
        var generate = new Option<bool>("--generate")
        {
            Description = "Let the model write an answer to each prompt, and score it by BLEU and ROUGE-L against all answers that rows "
            + "give to that prompt.",
        };
        var prompts = VerbParts.Text("--prompts", "N", "With --generate: score the first N different prompts, with all rows of each.");
        command.Add(metric);
        command.Add(generate);
        command.Add(prompts);
        var writing = new WritingParts(command);
        var json = VerbParts.Json();
        command.Add(json);
        HelpWithExamples.Add(command,
            "eval --base models/bert-base --adapter runs/sst2 --data data/SST-2",
            "eval --base merged --data test.tsv --text-column sentence --label-column label --json",
            "eval --base models/gpt2 --adapter runs/e2e --data testset_w_refs.csv --generate --beams 4 --max-new-tokens 64");
        VerbParts.Run(command, parsed =>
        {
            var options = new EvaluationOptions
            {
                Metric = parsed.GetValue(metric),
                MaxLength = VerbParts.Whole(parsed, parts.MaxLength, 1),
                Prompts = VerbParts.Whole(parsed, prompts, 1),
                Generate = writing.Options(parsed),
            };
            var writes = parsed.GetValue(generate) || TextScores.Names.Contains(options.Metric);
            if (!writes && writing.Given(parsed).Concat(options.Prompts is null ? [] : [prompts.Name]).FirstOrDefault() is { } idle)
                throw new UsageException($"{idle} is about answers that the model writes; add --generate, or leave it out.");
            return Run(parsed, parts, writes ? options : options with { Generate = null }, parsed.GetValue(json));
        });
    }

    private static int Run(ParseResult parsed, DataParts parts, EvaluationOptions options, bool json)
    {
        var path = VerbParts.Need(parsed, parts.Data, "eval");
        parts.Models.Need(parsed, "eval");
        var model = parts.Open(parsed, "eval");
        using var interruption = new Interruption("Stopping; interrupt again to end at once.");
        var found = Evaluation.Run(
            model, parts.Request(parsed, path), options, new CommandLineCaller("eval"), new ConsoleObserver(quiet: false),
            interruption.Token);
        foreach (var remark in found.Remarks) Console.Error.WriteLine($"remark: {remark}");
        if (json) JsonOut.Write(Document(found, model.Remarks.Concat(found.Remarks)));
        else Print(found);
        return ExitCode.Success;
    }

    private static void Print(Evaluation found)
    {
        var (result, data, matrix) = (found.Scores, found.Data, found.Confusion);
        Console.Out.WriteLine(
            $"{Figures.Count(result.Examples)} rows of "
            + $"{data.Source}{(data.SkippedRows == 0 ? "" : $" ({Figures.Count(data.SkippedRows)} left out)")}");
        ScoreTable.Of(result).Write();
        foreach (var answer in found.Answers.Take(Shown)) Show(answer);
        if (found.EachLabel is { } labels) PrintEach(labels, found.Data.LabelNames!);
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

    private static void Show(ScoredAnswer answer)
    {
        Console.Out.WriteLine();
        Screen.Say($"prompt:    {Printable.Sentence(answer.Prompt)}");
        Screen.Say($"answer:    {Printable.Sentence(answer.Answer)}");
        Screen.Say($"reference: {Printable.Sentence(answer.References[0])}");
    }

    private static void PrintEach(MultiLabelScores scores, IReadOnlyList<string> names)
    {
        Console.Out.WriteLine();
        var grid = new Grid("label", ">rows", ">precision", ">recall", ">f1");
        for (var label = 0; label < names.Count; label++)
        {
            var one = scores.Of(label);
            grid.Row(
                names[label], Figures.Count(one.Support), Figures.Score(one.Precision), Figures.Score(one.Recall),
                Figures.Score(one.F1));
        }
        grid.Write();
    }

    private static JsonObject EachLabel(MultiLabelScores scores, IReadOnlyList<string> names) =>
        new(names.Select((name, label) => KeyValuePair.Create(name, (JsonNode?)Scores(scores.Of(label)))));

    private static JsonObject Scores(ClassScores one) => new()
    {
        ["rows"] = one.Support,
        ["precision"] = one.Precision,
        ["recall"] = one.Recall,
        ["f1"] = one.F1,
    };

    private static JsonObject Document(Evaluation found, IEnumerable<string> remarks)
    {
        var (result, data, matrix) = (found.Scores, found.Data, found.Confusion);
        var document = new JsonObject
        {
            ["data"] = data.Source,
            ["task"] = found.Task,
            ["examples"] = result.Examples,
            ["skipped_rows"] = data.SkippedRows,
            ["problems"] = JsonText.Texts(data.Problems),
            ["remarks"] = JsonText.Texts(data.Remarks.Concat(remarks)),
            ["primary"] = result.Primary,
            ["metrics"] = JsonText.Numbers(result.Values),
            ["seconds"] = result.Seconds,
            ["labels"] = data.LabelNames is { } names ? JsonText.Texts(names) : null,
            ["confusion"] = matrix is null ? null : new JsonArray([.. Enumerable.Range(0, matrix.Classes).Select(row => Row(matrix, row))]),
            ["each_label"] = found.EachLabel is { } each ? EachLabel(each, data.LabelNames!) : null,
        };
        if (found.Answers.Count > 0) document["answers"] = new JsonArray([.. found.Answers.Select(Answer)]);
        return document;
    }

    private static JsonNode Row(ConfusionMatrix matrix, int row) =>
        new JsonArray([.. Enumerable.Range(0, matrix.Classes).Select(column => (JsonNode?)matrix[row, column])]);

    private static JsonNode Answer(ScoredAnswer answer) => new JsonObject
    {
        ["prompt"] = answer.Prompt,
        ["text"] = answer.Answer,
        ["references"] = JsonText.Texts(answer.References),
        ["rouge_l"] = answer.RougeL,
    };
}
