using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Analysis;
using PeftSharp.Analysis.Entries;
using PeftSharp.Analysis.Gates;
using PeftSharp.Cli.Analysis;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Runs;
using PeftSharp.Runs.Proof;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft analyze</c>: what an adapter does to a model, as tables and pictures.</summary>
internal static class AnalyzeVerb
{
    private const string FileName = "analysis.json";

    public static void Build(Command command)
    {
        var (models, json, noVerify) = (new ModelParts(), VerbParts.Json(), VerbParts.NoVerify());
        var with = VerbParts.Text("--with", "FOLDER", "Another adapter of the same base: do both move the weights in the same directions?");
        var directions = VerbParts.Text("--directions", "N", "Leading directions to compare with --with. Default: 8.");
        var output = VerbParts.Text(
            "--out", "FOLDER", $"Write pictures (spectra, norms, changed weights, overlaps, gates) and {FileName} there.");
        var data = VerbParts.Text(
            "--data", "PATH",
            "Of an adapter with gates (unipelt): texts for which to tell how far they are open; of a fusion: rows on which the shares of "
            + "its attention are measured.");
        var take = VerbParts.Text("--take", "N", "The first N texts of --data. Default: 20, or 256 of a fusion.");
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace what an earlier run wrote there." };
        Option[] options = [models.Base, models.Adapter, models.Revision, with, directions, data, take, output, overwrite, noVerify, json];
        foreach (var option in options) command.Add(option);
        HelpWithExamples.Add(command,
            "analyze --base models/bert-base --adapter runs/full --out analysis",
            "analyze --base models/bert-base --adapter runs/seed1 --with runs/seed2 --json",
            "analyze --base models/bert-base --adapter runs/unipelt --data dev.tsv --out analysis",
            "analyze --base models/bert-base --adapter runs/fused --data dev.tsv");
        VerbParts.Run(command, parsed => Run(
            parsed, models, parsed.GetValue(with), VerbParts.Whole(parsed, directions, 1) ?? 8, parsed.GetValue(data),
            VerbParts.Whole(parsed, take, 1), parsed.GetValue(output), parsed.GetValue(overwrite), VerbParts.Proof(parsed, noVerify),
            parsed.GetValue(json)));
    }

    private static int Run(
        ParseResult parsed, ModelParts models, string? with, int directions, string? data, int? take, string? output, bool overwrite,
        ProofUse proof, bool json)
    {
        var adapter = VerbParts.Need(parsed, models.Adapter, "analyze");
        if (take is not null && data is null) throw new UsageException("--take goes with --data.");
        using var folder = output is null
            ? null
            : OutputFolder.Plan(output, Outputs.Options("analyze", overwrite), parsed.GetValue(models.Base), adapter, with, data);
        var (basis, own) = models.Find(parsed, "analyze", composed: true);
        folder?.Protect(basis.Folder, own!.Folder);
        if (with is not null && ComposedFolders.TryRead(own!.Folder) is not null)
            throw new UsageException("--with compares two adapters; give one adapter each (--adapter FOLDER --with FOLDER).");
        var loaded = ModelOpener.Open(basis.Folder, own!.Folder, new LoadOptions { Dense = true }, proof: proof);
        var other = with is null ? null : Folders.Find("analyze", folders => folders.Adapter(with)).Folder;
        folder?.Protect(other);
        var second = other is null ? null : Second(loaded, other, proof);
        using var interruption = new Interruption();
        if (loaded.Composition is not null)
            return ComposedAnalysis.Run(loaded, adapter, new(data, take), folder, output, json, interruption.Token);
        var analysis = AdapterAnalysis.Of(loaded.Model, loaded.Adapter!, cancellation: interruption.Token);
        var overlaps = second is null ? null : SubspaceOverlap.Of(loaded.Model, loaded.Adapter!, second, directions);
        var changed = ChangedEntries.Of(loaded.Model, loaded.Adapter!);
        var common = second is null ? null : EntryOverlap.Of(changed, ChangedEntries.Of(loaded.Model, second));
        var document = AnalysisJson.Of(analysis, overlaps, changed, common);
        var gates = data is null ? null : GateReport.Of(loaded, data, take ?? 20, interruption.Token);
        if (gates is not null) document["gates"] = gates.Json();
        document.Insert(0, "adapter", adapter);
        document.Insert(1, "method", loaded.Adapter!.Options.PeftType);
        document.Insert(2, "with", with);
        if (json) JsonOut.Write(document);
        else
        {
            Console.Out.WriteLine(
                $"{adapter}: {loaded.Adapter.Options.PeftType}, {analysis.Matrices.Count} changed matrices, {analysis.Vectors.Count} "
                + $"changed vectors, {analysis.Effects.Count} other effects");
            AnalysisTables.Write(analysis, overlaps);
            EntryTables.Write(changed, common);
            if (gates is not null) GateTable.Write(gates);
        }
        if (folder is not null)
            Save(folder, output!, document, (to, name) =>
            [
                .. AnalysisPictures.Write(to, analysis, overlaps, name),
                .. EntryPictures.Write(to, changed, common, name),
                .. GateTable.Draw(to, gates, name),
            ], loaded.Adapter.Options.PeftType);
        return ExitCode.Success;
    }

    private static PeftMethod Second(LoadedModel loaded, string with, ProofUse proof)
    {
        foreach (var note in ProofGate.Check(with, loaded.BaseFolder, ModelOpener.With(new(), proof)))
            Console.Error.WriteLine($"note: {note}");
        return AdapterFolder.Open(with).LoadInto(loaded.Model, loaded.Adapter!.Name == "second" ? "other" : "second");
    }

    private static void Save(
        OutputFolder folder, string output, JsonObject document, Func<string, string, IReadOnlyList<string>> draw, string name)
    {
        AtomicFile.WriteText(Path.Combine(folder.Create(), FileName), JsonText.Text(document) + "\n");
        string told;
        try
        {
            var files = draw(folder.Aside, name);
            told = $"written to {output}: {string.Join(", ", files.Prepend(FileName))}";
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException)
        {
            told = $"{FileName} is written to {output}; the pictures were not drawn ({e.GetType().Name}).";
        }
        folder.Finish();
        Console.Error.WriteLine(told);
    }
}
