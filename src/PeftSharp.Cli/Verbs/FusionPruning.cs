using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Analysis;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Runs;
using PeftSharp.Runs.Proof;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft combine --how prune</c>: a fusion without the adapters that it hardly asks.</summary>
internal sealed class FusionPruning(ModelParts models, AdapterOutput output, Option<string> data)
{
    /// <summary>What <c>--how</c> calls it.</summary>
    public const string Way = "prune";

    private readonly Option<string> _take = VerbParts.Text("--take", "N", "Use the first N of these rows. Default: 256.");
    private readonly Option<string> _least = VerbParts.Text(
        "--least-share", "SHARE",
        "With --how prune: adapters with a smaller mean share are left out, all but the two largest. Default: 0.1.");

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_take, _least]) command.Add(option);
    }

    /// <summary>Refuses the options of pruning where nothing is pruned.</summary>
    public void RequireNone(ParseResult parsed)
    {
        VerbParts.Whole(parsed, _take, 1);
        Least(parsed);
        foreach (var option in (Option<string>[])[_take, _least])
            if (parsed.GetValue(option) is not null) throw new UsageException($"{option.Name} goes with --how {Way}; leave it out.");
    }

    public int Run(ParseResult parsed)
    {
        var given = VerbParts.Need(parsed, models.Adapter, "combine");
        var rows = new FusionRows(VerbParts.Need(parsed, data, "combine"), VerbParts.Whole(parsed, _take, 1));
        var least = Least(parsed);
        using var folder = output.Plan(parsed, models);
        var (basis, adapters) = models.Find(parsed, "combine", composed: true);
        if (ComposedFolders.TryRead(adapters!.Folder) is not { } composed)
            throw new UsageException(
                $"--adapter is \"{given}\"; --how {Way} takes a fusion with its adapters, such as the folder that "
                + "peft train --fuse wrote.");
        folder.Protect([basis.Folder, rows.Path, .. composed.Folders]);
        using var interruption = new Interruption();
        using var loaded = ModelOpener.Open(basis.Folder, adapters.Folder, proof: output.Proof(parsed));
        var shares = rows.Hear(loaded, interruption.Token)!;
        var fusion = shares.Prune(least);
        var kept = fusion.FusedNames;
        AdapterSetup.Save(loaded.Model, fusion.Whole, folder.Create());
        var own = Path.Combine(folder.Aside, fusion.Name);
        loaded.Tokenizer()?.Save(own);
        AdapterProof.Create(loaded.Model, fusion, basis.Folder, AdapterFolder.Open(own), loaded.Tokenizer()).Write(own);
        folder.Finish();
        var target = parsed.GetValue(output.Folder)!;
        if (parsed.GetValue(output.Json))
            JsonOut.Write(
                new JsonObject { ["out"] = target, ["kept"] = JsonText.Texts(kept), ["shares"] = JsonText.Numbers(shares.Mean) });
        else
        {
            var grid = new Grid("adapter", ">share", "");
            foreach (var (name, share) in shares.Mean) grid.Row(name, Figures.Score(share), kept.Contains(name) ? "kept" : "left out");
            grid.Write();
            Console.Out.WriteLine($"{kept.Count} of {shares.Mean.Count} adapters stay; written to {target}");
        }
        return ExitCode.Success;
    }

    private double Least(ParseResult parsed)
    {
        if (parsed.GetValue(_least) is not { } text) return 0.1;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var share) && share is > 0 and < 1 ? share
            : throw new UsageException($"{_least.Name} is \"{text}\"; expected a number above 0 and below 1.");
    }
}
