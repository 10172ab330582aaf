using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Analysis.Combining;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Runs;
using PeftSharp.Runs.Making;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft convert</c>: an adapter in another layout, or as a LoRA.</summary>
internal static class ConvertVerb
{
    public static void Build(Command command)
    {
        var (models, output) = (new ModelParts(), new AdapterOutput("convert"));
        var to = VerbParts.Text("--to", "NAME",
            "peft or adapterhub: the layout on disk, where both have the method. lora: a LoRA of what the adapter does to weights.");
        var rank = VerbParts.Text("--rank", "N", "With --to lora: the rank, or, as 0.9, the share of each matrix's energy to keep.");
        foreach (var option in (Option[])[models.Base, models.Adapter, models.Revision, to, rank]) command.Add(option);
        output.AddTo(command);
        HelpWithExamples.Add(command,
            "convert --base models/bert-base --adapter runs/lora --to adapterhub --out runs/lora-hub",
            "convert --base models/bert-base --adapter runs/loha --to lora --rank 0.95 --out runs/as-lora");
        VerbParts.Run(command, parsed => Run(parsed, models, output, VerbParts.Need(parsed, to, "convert").ToLowerInvariant(), rank));
    }

    private static int Run(ParseResult parsed, ModelParts models, AdapterOutput output, string to, Option<string> rankOption)
    {
        AdapterFormat? format = to switch
        {
            "peft" or "lora" => AdapterFormat.Peft,
            "adapterhub" => AdapterFormat.AdapterHub,
            _ => throw new UsageException($"--to is \"{to}\"; expected peft, adapterhub or lora."),
        };
        var (rank, energy) = CombineVerb.RankOf(parsed, rankOption);
        if (to != "lora" && parsed.GetValue(rankOption) is not null)
            throw new UsageException("--rank belongs to --to lora; the layouts keep an adapter as it is.");
        if (to == "lora" && rank is null && energy is null)
            throw new UsageException("peft convert --to lora needs --rank N, or a share of the energy as --rank 0.9.");
        VerbParts.Need(parsed, models.Adapter, "convert");
        using var folder = output.Plan(parsed, models);
        var (basis, own) = models.Find(parsed, "convert");
        folder.Protect(basis.Folder, own!.Folder);
        var loaded = ModelOpener.Open(basis.Folder, own.Folder, new LoadOptions { Dense = to == "lora" }, proof: output.Proof(parsed));
        var (adapter, kept) = to == "lora" ? AsLora(loaded, rank, energy) : (loaded.Adapter!, 1.0);
        if (adapter.Options.Refusal(format.Value) is { } sentence) throw new PeftException(sentence);
        MadeAdapter.Write(loaded, adapter, folder, format);
        var target = parsed.GetValue(output.Folder)!;
        var energyKept = to == "lora" ? FormattableString.Invariant($", {100 * kept:0.0} % of ‖ΔW‖² kept") : "";
        if (parsed.GetValue(output.Json))
            JsonOut.Write(new JsonObject
            {
                ["out"] = target,
                ["to"] = to,
                ["weights"] = adapter.TrainedWeights,
                ["energy"] = JsonText.Number(kept)
            });
        else Console.Out.WriteLine($"{Figures.Count(adapter.TrainedWeights)} weights{energyKept}; written to {target}");
        return ExitCode.Success;
    }

    private static (PeftMethod, double) AsLora(LoadedModel loaded, int? rank, double? energy)
    {
        var options = new CombineOptions { How = CombineMethod.Svd, Rank = rank, Energy = energy };
        var made = AdapterCombination.Combine(loaded.Model, [(loaded.Adapter!, 1)], options, loaded.Adapter!.Name == "default"
            ? "converted" : "default");
        return (made.Adapter, made.Energy);
    }
}
