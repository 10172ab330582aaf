using System.CommandLine;
using PeftSharp.Cli.Data;
using PeftSharp.Cli.Models;
using PeftSharp.Models;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options of verbs that run a model on data.</summary>
internal sealed class DataParts
{
    public readonly Option<string> Base = VerbParts.Base(), Adapter = VerbParts.Adapter();
    public readonly Option<string> Data = VerbParts.Text("--data", "PATH", SourceParts.Kinds, "-d");
    public readonly Option<string> MaxLength = VerbParts.Text("--max-length", "N", "Most tokens a row. Default: as in training, else what the model takes, 512 at most.");
    private readonly Option<string> _compute = VerbParts.Text("--compute", "MODE", "Precision of frozen weights: fp32 (default), bf16, or auto.");
    private readonly SourceParts _source;

    /// <param name="command">Where to add them.</param>
    /// <param name="columnsOnly">True keeps --text for a text itself, so that columns are named by --text-column alone.</param>
    public DataParts(Command command, bool columnsOnly = false)
    {
        Option[] before = [Base, Adapter, Data], after = [MaxLength, _compute];
        foreach (var option in before) command.Add(option);
        _source = new SourceParts(command, columnsOnly);
        foreach (var option in after) command.Add(option);
    }

    public DataRequest Request(ParseResult parsed, string path) => _source.Request(parsed, path);

    public LoadedModel Open(ParseResult parsed, string verb)
    {
        var folder = VerbParts.Need(parsed, Base, verb);
        var compute = Compute.Parse(parsed.GetValue(_compute) ?? "fp32", "--compute");
        return LoadedModel.Open(folder, parsed.GetValue(Adapter), o => o with { Compute = o.Quantize is null ? Compute.Choose(compute).Type : ComputeType.Float32 });
    }
}
