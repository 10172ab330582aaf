using System.CommandLine;
using PeftSharp.Cli.Data;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Data;
using PeftSharp.Models;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options of verbs that run a model on data.</summary>
internal sealed class DataParts
{
    public readonly ModelParts Models = new();
    public readonly Option<string> Data = VerbParts.Text("--data", "PATH", "A .tsv, .csv or .jsonl file, or a GLUE folder.", "-d");
    public readonly Option<string> MaxLength = VerbParts.Text("--max-length", "N", "Most tokens a row. Default: as in training, else what the model takes, 512 at most.");
    private readonly Option<string> _text, _pair, _label;
    private readonly Option<string> _take = VerbParts.Text("--take", "N", "Use the first N rows.");
    private readonly Option<string> _rows = VerbParts.Text("--rows", "FILE", "Use the rows that FILE lists: one zero-based number a line.");
    private readonly Option<string> _split = VerbParts.Text("--split", "NAME", "Part of a GLUE folder: train, dev (default), dev_mismatched or test.");
    private readonly Option<string> _compute = VerbParts.Text("--compute", "MODE", "Precision of frozen weights: fp32 (default), bf16, or auto.");
    private readonly Option<string> _device = VerbParts.Text("--device", "NAME", $"Where to compute: {PeftSharp.Interop.ComputeDevice.Names} (cpu; GPUs are untested).");
    private readonly Option<bool> _skip = new("--skip-bad-rows") { Description = "Leave bad rows out instead of stopping at the first." };
    private readonly Option<bool> _noVerify = VerbParts.NoVerify();

    /// <param name="command">Where to add them.</param>
    /// <param name="columnsOnly">True keeps --text for a text itself, so that columns are named by --text-column alone.</param>
    public DataParts(Command command, bool columnsOnly = false)
    {
        string[] Alias(string name) => columnsOnly ? [] : [name];
        _text = VerbParts.Text("--text-column", "COLUMN", "Column of the text: a name, or a number from 1.", Alias("--text"));
        _pair = VerbParts.Text("--pair-column", "COLUMN", "Column of the second text.", Alias("--pair"));
        _label = VerbParts.Text("--label-column", "COLUMN", "Column of the label.", Alias("--label"));
        Option[] all = columnsOnly ? [Models.Base, Models.Adapter, Models.Revision, Data, _text, _pair, _take, _rows, _split, _skip, MaxLength, _compute, _device, _noVerify]
            : [Models.Base, Models.Adapter, Models.Revision, Data, _text, _pair, _label, _take, _rows, _split, _skip, MaxLength, _compute, _device, _noVerify];
        foreach (var option in all) command.Add(option);
    }

    public DataRequest Request(ParseResult parsed, string path) => new(path)
    {
        Text = parsed.GetValue(_text),
        Pair = parsed.GetValue(_pair),
        Label = parsed.GetValue(_label),
        Take = VerbParts.Whole(parsed, _take, 1),
        Rows = parsed.GetValue(_rows),
        Split = SplitOf(parsed.GetValue(_split)),
        SkipBadRows = parsed.GetValue(_skip),
    };

    public LoadedModel Open(ParseResult parsed, string verb)
    {
        var compute = Compute.Parse(parsed.GetValue(_compute) ?? "fp32", "--compute");
        var device = parsed.GetValue(_device) ?? "cpu";
        var (basis, adapter) = Models.Folders(parsed, verb);
        return LoadedModel.Open(basis.Folder, adapter?.Folder, o => o with { Compute = Compute.Choose(compute, device).Type, Device = device }, proof: VerbParts.Proof(parsed, _noVerify));
    }

    private static GlueSplit SplitOf(string? text) => text?.Replace('-', '_').ToLowerInvariant() switch
    {
        null or "dev" or "validation" => GlueSplit.Dev,
        "train" => GlueSplit.Train,
        "dev_mismatched" or "validation_mismatched" => GlueSplit.DevMismatched,
        "test" => GlueSplit.Test,
        _ => throw new UsageException($"--split is \"{text}\"; expected train, dev, dev_mismatched or test."),
    };
}
