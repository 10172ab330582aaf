using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Data;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Rows;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft data</c>: what a dataset holds, before a model sees it.</summary>
internal static class DataVerb
{
    public static void Build(Command command)
    {
        var path = new Argument<string>("path") { Description = SourceParts.Kinds, HelpName = "PATH" };
        command.Add(path);
        var source = new SourceParts(command);
        var evalData = VerbParts.Text("--eval-data", "PATH", "Held-out rows, to be compared with those of PATH.");
        var basis = VerbParts.Base();
        basis.Description = "A model folder: lengths are counted in its tokenizer's tokens. Default: in words and characters.";
        var maxLength = VerbParts.Text(
            "--max-length", "N",
            $"Count the rows longer than N. Default: {DataInspection.DefaultLength}, of prompts with answers "
            + $"{DataInspection.InstructLength}.");
        var problem = VerbParts.Text(
            "--problem", "NAME",
            "What labels are: classification, multi_label_classification, regression; or generation: the rows are prompts with answers. "
            + "Default: told from labels, and from the fields of JSON.");
        var plot = VerbParts.Text("--plot", "FILE", "Draw labels and lengths: a .png file.");
        var json = VerbParts.Json();
        foreach (var option in (Option[])[evalData, basis, maxLength, problem, plot, json]) command.Add(option);
        HelpWithExamples.Add(command,
            "data data/SST-2",
            "data train.csv --eval-data test.csv --base models/bert-base --max-length 128",
            "data \"data/part-*.parquet\" --split-shares 0.8,0.1,0.1 --json",
            "data alpaca.json --base models/SmolLM2-135M-Instruct --max-length 256",
            "data reviews.jsonl.gz --text-column body --label-column stars --plot reviews.png");
        VerbParts.Run(command, parsed =>
        {
            var picture = parsed.GetValue(plot);
            if (picture is not null && !picture.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
                throw new UsageException($"--plot {picture}: pictures are .png files; name one.");
            Outputs.RequireFiles(
                [("--plot", picture)], [parsed.GetValue(path), parsed.GetValue(evalData), parsed.GetValue(basis), source.RowsFile(parsed)]);
            var length = VerbParts.Whole(parsed, maxLength, 1);
            var request = source.Request(parsed, parsed.GetValue(path)!) with { Kind = KindOf(parsed.GetValue(problem)) };
            var parts = DataInspection.Of(request, source.SplitOf(parsed), parsed.GetValue(evalData), parsed.GetValue(basis), length);
            if (picture is not null) DataPlot.Write(picture, parts);
            if (parsed.GetValue(json)) JsonOut.Write(DataInspection.Json(parts));
            else DataReport.Print(parts);
            return ExitCode.Success;
        });
    }

    private static LabelKind? KindOf(string? problem)
    {
        if (problem is null) return null;
        try
        {
            return Values.Problem(problem) switch
            {
                "generation" => LabelKind.Tokens,
                "regression" => LabelKind.Regression,
                Values.SeveralLabels => LabelKind.MultiLabel,
                _ => LabelKind.Class,
            };
        }
        catch (BadValueException e)
        {
            throw new UsageException($"--problem is \"{problem}\"; expected {e.Message}.");
        }
    }
}
