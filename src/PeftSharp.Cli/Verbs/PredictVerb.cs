using System.CommandLine;
using PeftSharp.Cli.Terminal;
using PeftSharp.Data;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Answering;
using PeftSharp.Runs.Rows;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft predict</c>: texts in, labels and probabilities out.</summary>
internal static class PredictVerb
{
    public static void Build(Command command)
    {
        var parts = new DataParts(command, columnsOnly: true);
        var text = new Option<string[]>("--text")
        {
            Description = "A text to answer; may be given several times. Without it and --data, lines of standard input are texts.",
            HelpName = "TEXT",
        };
        var output = VerbParts.Text("--out", "FILE", "Write to a .jsonl, .tsv or .csv file. Default: JSON lines on standard output.");
        var logits = VerbParts.Text(
            "--logits", "FILE",
            "Write the raw outputs as a safetensors file: \"logits\", float32, [rows, labels], in the order of the rows.");
        var keep = VerbParts.Text("--keep", "NAME,NAME", "Columns of the data that are written with each answer, such as an id.");
        var keepAll = new Option<bool>("--keep-all") { Description = "Write all columns of the data with each answer." };
        var json = new Option<bool>("--json") { Description = "Write one JSON array on standard output." };
        command.Add(text);
        command.Add(output);
        command.Add(logits);
        command.Add(keep);
        command.Add(keepAll);
        command.Add(json);
        HelpWithExamples.Add(command,
            "predict --base models/bert-base --adapter runs/sst2 --text \"A fine film.\"",
            "predict --base models/bert-base --adapter runs/sst2 --data data/SST-2/dev.tsv --out answers.tsv",
            "predict --base merged --data mails.csv --skip-bad-rows --keep id,sender --out answers.csv",
            "predict --base merged --data rows.jsonl --logits logits.safetensors",
            "predict --base merged < lines.txt");
        VerbParts.Run(command, parsed =>
        {
            var kept = new KeptChoice(
                parsed.GetValue(keep)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [],
                parsed.GetValue(keepAll));
            return Run(
                parsed, parts, parsed.GetValue(text) ?? [], kept, parsed.GetValue(output), parsed.GetValue(logits), parsed.GetValue(json));
        });
    }

    private sealed record KeptChoice(string[] Names, bool All);

    private static int Run(ParseResult parsed, DataParts parts, string[] texts, KeptChoice kept, string? output, string? logits, bool json)
    {
        parts.Models.Need(parsed, "predict");
        if (output is not null && !Answers.CanWrite(output))
            throw new UsageException(
                $"--out {output}: the format cannot be told from the extension \"{Path.GetExtension(output)}\"; use .jsonl, .tsv or .csv.");
        var maxLength = VerbParts.Whole(parsed, parts.MaxLength, 1);
        Outputs.RequireFiles([("--out", output), ("--logits", logits)], parts.Inputs(parsed));
        // Options and texts are looked at before a model is loaded for them; files are read by the columns that the model was trained on.
        var request = parsed.GetValue(parts.Data) is { } path ? RequestOf(parsed, parts, path, texts, kept) : null;
        var given = request is null ? Texts(parsed, parts, texts, kept) : null;
        var model = parts.Open(parsed, "predict");
        Outputs.RequireFiles([("--out", output), ("--logits", logits)], [model.BaseFolder, model.AdapterFolder]);
        model.RequireHead();
        var data = given ?? (request! with { Usual = model.Columns, CutBy = CutBy(model) }).Load().Data;
        DataParts.Tell(data);
        var answers = Answers.Of(model, data, maxLength, request?.PartName, new CommandLineCaller("predict"));
        foreach (var remark in answers.Remarks) Console.Error.WriteLine($"remark: {remark}");
        if (logits is not null) answers.WriteLogits(logits);
        if (output is not null) answers.Write(output);
        if (json) JsonOut.Write(answers.Json());
        else if (output is null) answers.Lines(Console.Out);
        return ExitCode.Success;
    }

    // Parts are those of training: rows with several labels were cut by them.
    private static LabelKind? CutBy(LoadedModel model) =>
        model.Model.Model.Head.Kind == TaskKind.MultiLabel ? LabelKind.MultiLabel : null;

    private static DataRequest RequestOf(ParseResult parsed, DataParts parts, string path, string[] texts, KeptChoice kept)
    {
        if (texts.Length > 0)
            throw new UsageException("--text and --data were both given; give one of them (a column is named with --text-column).");
        return parts.Request(parsed, path) with
        {
            Kind = LabelKind.None,
            RequireLabels = false,
            Keep = kept.Names,
            KeepAll = kept.All,
        };
    }

    private static TextDataset Texts(ParseResult parsed, DataParts parts, string[] texts, KeptChoice kept)
    {
        if (kept.All || kept.Names.Length > 0)
            throw new UsageException("--keep names columns of --data; texts of --text and of standard input have none.");
        var options = parts.ForTexts(parsed);
        if (texts.Length > 0) return TextDataset.FromTexts(texts, "--text", options);
        if (!Console.IsInputRedirected)
            throw new UsageException("peft predict needs texts: give --data PATH, --text TEXT, or lines on standard input.");
        using var lines = Console.OpenStandardInput();
        return TextDataset.FromLines(lines, "standard input", options);
    }
}
