using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Data;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Runs.Rows;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft data</c>: what a dataset holds, before a model sees it.</summary>
internal static class DataVerb
{
    private const int DefaultMaxLength = 128;

    public static void Build(Command command)
    {
        var path = new Argument<string>("path") { Description = SourceParts.Kinds, HelpName = "PATH" };
        command.Add(path);
        var source = new SourceParts(command);
        var evalData = VerbParts.Text("--eval-data", "PATH", "Held-out rows, to be compared with those of PATH.");
        var basis = VerbParts.Base();
        basis.Description = "A model folder: lengths are counted in its tokenizer's tokens. Default: in words and characters.";
        var maxLength = VerbParts.Text("--max-length", "N", $"Count the rows longer than N. Default: {DefaultMaxLength}.");
        var plot = VerbParts.Text("--plot", "FILE", "Draw labels and lengths: a .png file.");
        var json = VerbParts.Json();
        foreach (var option in (Option[])[evalData, basis, maxLength, plot, json]) command.Add(option);
        HelpWithExamples.Add(command,
            "data data/SST-2",
            "data train.csv --eval-data test.csv --base models/bert-base --max-length 128",
            "data \"data/part-*.parquet\" --split-shares 0.8,0.1,0.1 --json",
            "data reviews.jsonl.gz --text-column body --label-column stars --plot reviews.png");
        VerbParts.Run(command, parsed =>
        {
            var picture = parsed.GetValue(plot);
            if (picture is not null && !picture.EndsWith(".png", StringComparison.OrdinalIgnoreCase)) throw new UsageException($"--plot {picture}: pictures are .png files; name one.");
            Outputs.RequireFiles([("--plot", picture)], [parsed.GetValue(path), parsed.GetValue(evalData), parsed.GetValue(basis), source.RowsFile(parsed)]);
            var length = VerbParts.Whole(parsed, maxLength, 1) ?? DefaultMaxLength;
            var request = source.Request(parsed, parsed.GetValue(path)!) with { RequireLabels = false, AllowEmptyText = true, SkipBadRows = true };
            var parts = Profiles(Requests(request, source.SplitOf(parsed), parsed.GetValue(evalData)), EncoderOf(parsed.GetValue(basis)));
            if (picture is not null) DataPlot.Write(picture, parts);
            if (parsed.GetValue(json)) JsonOut.Write(Document(parts, length));
            else DataReport.Print(parts, length);
            return ExitCode.Success;
        });
    }

    private static IEnumerable<(string Name, DataRequest Request)> Requests(DataRequest request, GlueSplit? asked, string? evalData)
    {
        if (asked is { } split) yield return (Name(split), request with { Split = split });
        else if (request.Shares is { } shares)
            foreach (var part in new[] { GlueSplit.Train, GlueSplit.Dev, GlueSplit.Test }.Take(shares.Count)) yield return (Name(part), request with { Split = part });
        else if (Directory.Exists(request.Path))
            foreach (var part in request.Parts.Order()) yield return (Name(part), request with { Split = part });
        else yield return (evalData is null ? "rows" : Name(GlueSplit.Train), request);
        if (evalData is not null) yield return ("eval", request with { Path = evalData, Shares = null, Take = null, Sample = false, Rows = null, Split = GlueSplit.Dev });
    }

    private static List<DataPart> Profiles(IEnumerable<(string Name, DataRequest Request)> requests, ITextEncoder? encoder)
    {
        var parts = new List<DataPart>();
        DatasetProfile? train = null;
        foreach (var (name, request) in requests)
        {
            var profile = DatasetProfile.Of(request.Load().Data, encoder);
            parts.Add(new DataPart(name, profile, train is null ? null : profile.RowsAlsoIn(train)));
            if (name == Name(GlueSplit.Train)) train = profile;
        }
        return parts;
    }

    private static JsonObject Document(List<DataPart> parts, int maxLength) => new()
    {
        ["columns"] = new JsonArray([.. parts[0].Data.Columns.Select(column => (JsonNode)new JsonObject { ["name"] = column.Name, ["type"] = column.Type, ["role"] = column.Role })]),
        ["kind"] = parts[0].Data.Kind.ToString().ToLowerInvariant(),
        ["parts"] = new JsonArray([.. parts.Select(part => (JsonNode)part.Json(maxLength))]),
    };

    private static TokenizerTextEncoder? EncoderOf(string? folder)
    {
        if (folder is null) return null;
        ModelLoader.RequireFolder(folder);
        return new TokenizerTextEncoder(Encoders.Find(folder) ?? throw new PeftException($"{folder} has no tokenizer (tokenizer.json, vocab.txt, or vocab.json with merges.txt); give a folder that has one."));
    }

    private static string Name(GlueSplit split) => split switch
    {
        GlueSplit.Train => "train",
        GlueSplit.Dev => "validation",
        GlueSplit.DevMismatched => "validation_mismatched",
        _ => "test",
    };
}
