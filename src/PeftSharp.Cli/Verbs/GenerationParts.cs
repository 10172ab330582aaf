using System.CommandLine;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Generation;
using PeftSharp.Runs;
using PeftSharp.Runs.Training;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options of verbs that let a model write: which model, and how tokens are chosen.</summary>
internal sealed class GenerationParts
{
    public readonly ModelParts Models = new();
    private readonly Option<string> _compute = VerbParts.Text("--compute", "MODE", "Precision of frozen weights: fp32, bf16, or auto. "
        + "Default: fp32.");
    private readonly Option<string> _device = VerbParts.Text("--device", "NAME",
        $"Where to compute: {PeftSharp.Interop.ComputeDevice.Names}; GPUs are untested. Default: cpu.");
    private readonly Option<bool> _noVerify = VerbParts.NoVerify();
    private readonly WritingParts _writing;

    public GenerationParts(Command command)
    {
        foreach (var option in (Option[])[Models.Base, Models.Adapter, Models.Revision]) command.Add(option);
        _writing = new(command);
        foreach (var option in (Option[])[_compute, _device, _noVerify]) command.Add(option);
    }

    /// <summary>How tokens are chosen, checked.</summary>
    public GenerationOptions Options(ParseResult parsed)
    {
        // What is wrong with the line itself is said before a model is asked for.
        _ = ComputeModes.Parse(parsed.GetValue(_compute) ?? "fp32", "--compute");
        return _writing.Options(parsed);
    }

    public LoadedModel Open(ParseResult parsed, string verb)
    {
        var compute = ComputeModes.Parse(parsed.GetValue(_compute) ?? "fp32", "--compute");
        var device = parsed.GetValue(_device) ?? "cpu";
        var (basis, adapter) = Models.Find(parsed, verb);
        return ModelOpener.Open(basis.Folder, adapter?.Folder,
            new LoadOptions { Compute = ComputeModes.Choose(compute, device).Type, Device = device },
            proof: VerbParts.Proof(parsed, _noVerify));
    }
}
