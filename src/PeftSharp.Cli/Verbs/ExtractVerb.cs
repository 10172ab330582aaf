using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Analysis;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Runs;
using PeftSharp.Runs.Making;
using PeftSharp.Runs.Proof;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft extract</c>: a LoRA from what a full fine-tuning, or any mergeable adapter, did to the weights.</summary>
internal static class ExtractVerb
{
    private const int MostRank = 1 << 16;

    public static void Build(Command command)
    {
        var (models, json, noVerify) = (new ModelParts(), VerbParts.Json(), VerbParts.NoVerify());
        var rank = VerbParts.Text("--rank", "N", "Rank of the LoRA: each ΔW is cut to its N leading singular triplets.");
        var output = VerbParts.Text("--out", "FOLDER", "Where to write the adapter.");
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace what an earlier run wrote there." };
        foreach (var option in (Option[])[models.Base, models.Adapter, models.Revision, rank, output, overwrite, noVerify, json])
            command.Add(option);
        HelpWithExamples.Add(command, "extract --base models/bert-base --adapter runs/full --rank 8 --out runs/full-r8");
        VerbParts.Run(command, parsed => Run(
            parsed, models, Rank(parsed, rank), VerbParts.Need(parsed, output, "extract"), parsed.GetValue(overwrite),
            VerbParts.Proof(parsed, noVerify), parsed.GetValue(json)));
    }

    private static int Rank(ParseResult parsed, Option<string> option)
    {
        VerbParts.Need(parsed, option, "extract");
        return VerbParts.Whole(parsed, option, 1) is { } rank and <= MostRank ? rank
            : throw new UsageException($"--rank is \"{parsed.GetValue(option)}\"; expected a whole number from 1 to {MostRank}.");
    }

    private static int Run(ParseResult parsed, ModelParts models, int rank, string output, bool overwrite, ProofUse proof, bool json)
    {
        var source = VerbParts.Need(parsed, models.Adapter, "extract");
        using var folder = OutputFolder.Plan(output, Outputs.Options("extract", overwrite), parsed.GetValue(models.Base), source);
        var (basis, own) = models.Find(parsed, "extract");
        folder.Protect(basis.Folder, own!.Folder);
        var loaded = ModelOpener.Open(basis.Folder, own.Folder, new LoadOptions { Dense = true }, proof: proof);
        var (adapter, energy) =
            LowRankExtraction.Extract(loaded.Model, loaded.Adapter!, rank, loaded.Adapter!.Name == "default" ? "extracted" : "default");
        // Labels, length and pooling are those of the adapter that it comes from.
        loaded.Model.Describe(adapter, loaded.Card);
        MadeAdapter.Write(loaded, adapter, folder, AdapterFormat.Peft, runOf: own.Folder);
        if (json)
            JsonOut.Write(
                new JsonObject
                {
                    ["out"] = output,
                    ["rank"] = rank,
                    ["energy"] = JsonText.Number(energy),
                    ["weights"] = adapter.TrainedWeights,
                });
        else
        {
            var share = (100 * energy).ToString("0.0", CultureInfo.InvariantCulture);
            var weights = Figures.Count(adapter.TrainedWeights);
            Console.Out.WriteLine($"rank {rank} keeps {share} % of the matrices' ‖ΔW‖²; {weights} weights written to {output}");
        }
        return ExitCode.Success;
    }
}
