using System.CommandLine;
using PeftSharp.Checkpoints;
using PeftSharp.Cli.Data;
using PeftSharp.Cli.Models;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Evaluation;
using static TorchSharp.torch;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft predict</c>: texts in, labels and probabilities out.</summary>
internal static class PredictVerb
{
    public static void Build(Command command)
    {
        var parts = new DataParts(command, columnsOnly: true);
        var text = new Option<string[]>("--text") { Description = "A text to answer; may be given several times. Without it and --data, lines of standard input are texts.", HelpName = "TEXT" };
        var output = VerbParts.Text("--out", "FILE", "Write to a .jsonl, .tsv or .csv file. Default: JSON lines on standard output.");
        var logits = VerbParts.Text("--logits", "FILE", "Write the raw outputs as a safetensors file: \"logits\", float32, [rows, labels], in the order of the rows.");
        var json = new Option<bool>("--json") { Description = "Write one JSON array on standard output." };
        command.Add(text);
        command.Add(output);
        command.Add(logits);
        command.Add(json);
        HelpWithExamples.Add(command,
            "predict --base models/bert-base --adapter runs/sst2 --text \"A fine film.\"",
            "predict --base models/bert-base --adapter runs/sst2 --data data/SST-2/dev.tsv --out answers.tsv",
            "predict --base merged --data rows.jsonl --logits logits.safetensors",
            "predict --base merged < lines.txt");
        VerbParts.Run(command, parsed => Run(parsed, parts, parsed.GetValue(text) ?? [], parsed.GetValue(output), parsed.GetValue(logits), parsed.GetValue(json)));
    }

    private static int Run(ParseResult parsed, DataParts parts, string[] texts, string? output, string? logits, bool json)
    {
        parts.Models.Need(parsed, "predict");
        Answers.CheckExtension(output);
        var maxLength = VerbParts.Whole(parsed, parts.MaxLength, 1);
        Outputs.RequireFiles([("--out", output), ("--logits", logits)], parts.Inputs(parsed));
        var data = Rows(parsed, parts, texts);
        var model = parts.Open(parsed, "predict");
        Outputs.RequireFiles([("--out", output), ("--logits", logits)], [model.BaseFolder, model.AdapterFolder]);
        model.RequireHead();
        var tokens = Encoders.Encode(data, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(maxLength));
        model.RequireRowsLike(tokens.Origin);
        var table = new Evaluator(model.Model, model.Selection, tokens).Outputs();
        if (logits is not null) WriteLogits(logits, table, data.Count);
        new Answers(data, table, model.Labels, model.Model.Model.Head.Kind).Write(output, json);
        return ExitCode.Success;
    }

    private static TextDataset Rows(ParseResult parsed, DataParts parts, string[] texts)
    {
        if (parsed.GetValue(parts.Data) is { } path)
        {
            if (texts.Length > 0) throw new UsageException("--text and --data were both given; give one of them (a column is named with --text-column).");
            return (parts.Request(parsed, path) with { Kind = LabelKind.None, RequireLabels = false }).Load().Data;
        }
        if (texts.Length == 0)
        {
            if (!Console.IsInputRedirected) throw new UsageException("peft predict needs texts: give --data PATH, --text TEXT, or lines on standard input.");
            texts = [.. Lines(Console.In)];
            if (texts.Length == 0) throw new PeftException("Standard input holds no line; give one text a line.");
            return Of(texts, "standard input");
        }
        return Of(texts, "--text");
    }

    private static TextDataset Of(string[] texts, string source) =>
        new([.. texts.Select((t, i) => new Example(t, null, -1, float.NaN, i + 1))], LabelKind.None, null, source);

    private static IEnumerable<string> Lines(TextReader reader)
    {
        while (reader.ReadLine() is { } line) yield return line;
    }

    private static void WriteLogits(string file, LogitTable table, int rows)
    {
        using var scope = NewDisposeScope();
        var values = tensor(table.Values.ToArray(), [rows, table.Width]);
        SafetensorsWriter.Write(file, [KeyValuePair.Create("logits", values)]);
    }
}
