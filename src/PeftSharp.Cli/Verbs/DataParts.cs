using System.CommandLine;
using PeftSharp.Cli.Data;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Runs.Rows;
using PeftSharp.Runs.Training;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options of verbs that run a model on data.</summary>
internal sealed class DataParts
{
    public readonly ModelParts Models = new();
    public readonly Option<string> Data = VerbParts.Text("--data", "PATH", SourceParts.Kinds);
    public readonly Option<string> MaxLength =
        VerbParts.Text("--max-length", "N", "Most tokens a row. Default: as in training, else what the model takes, 512 at most.");
    private readonly Option<string> _compute =
        VerbParts.Text("--compute", "MODE", "Precision of frozen weights: fp32, bf16, or auto. Default: fp32.");
    private readonly Option<string> _device =
        VerbParts.Text("--device", "NAME", $"Where to compute: {PeftSharp.Interop.ComputeDevice.Names}; GPUs are untested. Default: cpu.");
    private readonly Option<string> _dropLayers = VerbParts.Text(
        "--drop-layers", "N", "Leave the adapter out of the lowest N layers (AdapterDrop): faster. Default: 0.");
    private readonly SourceParts _source;
    private readonly Option<bool> _noVerify = VerbParts.NoVerify();

    /// <param name="command">Where to add them.</param>
    /// <param name="columnsOnly">True leaves the label out: nothing is scored.</param>
    public DataParts(Command command, bool columnsOnly = false)
    {
        Option[] before = [Models.Base, Models.Adapter, Models.Revision, Data];
        Option[] after = [_dropLayers, MaxLength, _compute, _device, _noVerify];
        foreach (var option in before) command.Add(option);
        _source = new SourceParts(command, columnsOnly);
        foreach (var option in after) command.Add(option);
    }

    public DataRequest Request(ParseResult parsed, string path) => _source.Request(parsed, path);

    /// <summary>What the verb reads, as it was given.</summary>
    public IEnumerable<string?> Inputs(ParseResult parsed) =>
        [parsed.GetValue(Models.Base), parsed.GetValue(Models.Adapter), parsed.GetValue(Data), _source.RowsFile(parsed)];

    public DataOptions ForTexts(ParseResult parsed) => _source.ForTexts(parsed);

    /// <summary>Says on standard error what was left out of data, and what was taken for granted in reading it.</summary>
    public static void Tell(TextDataset data)
    {
        foreach (var line in LeftOut.Lines(data)) Console.Error.WriteLine(line);
    }

    public LoadedModel Open(ParseResult parsed, string verb)
    {
        var compute = ComputeModes.Parse(parsed.GetValue(_compute) ?? "fp32", "--compute");
        var device = parsed.GetValue(_device) ?? "cpu";
        var (basis, adapter) = Models.Find(parsed, verb, composed: true);
        return ModelOpener.Open(
            basis.Folder, adapter?.Folder, new LoadOptions
            {
                Compute = ComputeModes.Choose(compute, device).Type,
                Device = device,
                DropLayers = VerbParts.Whole(parsed, _dropLayers, 0) ?? 0,
            },
            proof: VerbParts.Proof(parsed, _noVerify));
    }
}
