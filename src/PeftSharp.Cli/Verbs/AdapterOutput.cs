using System.CommandLine;
using PeftSharp.Cli.Hub;
using PeftSharp.Methods;
using PeftSharp.Runs;
using PeftSharp.Runs.Proof;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options and steps of verbs that write an adapter which they made of others.</summary>
internal sealed class AdapterOutput(string verb)
{
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Replace what an earlier run wrote there." };
    private readonly Option<bool> _noVerify = VerbParts.NoVerify();

    /// <summary>Where to write.</summary>
    public Option<string> Folder { get; } = VerbParts.Text("--out", "FOLDER", "Where to write the adapter.");

    /// <summary>JSON in place of a sentence.</summary>
    public Option<bool> Json { get; } = VerbParts.Json();

    /// <summary>Adds the options to the verb.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[Folder, _overwrite, _noVerify, Json]) command.Add(option);
    }

    /// <summary>What is done about proofs.</summary>
    public ProofUse Proof(ParseResult parsed) => VerbParts.Proof(parsed, _noVerify);

    /// <summary>Plans the folder, before anything is loaded.</summary>
    public OutputFolder Plan(ParseResult parsed, ModelParts models) => OutputFolder.Plan(
        VerbParts.Need(parsed, Folder, verb), Outputs.Options(verb, parsed.GetValue(_overwrite)), parsed.GetValue(models.Base));
}
