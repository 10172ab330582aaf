using System.Text.Json.Nodes;
using PeftSharp.Analysis;
using PeftSharp.Analysis.Entries;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Runs;

namespace PeftSharp.Cli.Analysis;

/// <summary>What each of several adapters does that act together, and how a fusion weighs them.</summary>
internal static class ComposedAnalysis
{
    private const string FileName = "analysis.json";

    public static int Run(
        LoadedModel loaded, string given, FusionRows rows, OutputFolder? folder, string? output, bool json, CancellationToken cancellation)
    {
        var shares = rows.Hear(loaded, cancellation);
        var adapters = loaded.Model.Adapters.Values.Where(adapter => adapter is not FusionMethod)
            .OrderBy(adapter => adapter.Name, StringComparer.Ordinal).ToList();
        var found = adapters.Select(adapter => (adapter, AdapterAnalysis.Of(loaded.Model, adapter, cancellation: cancellation))).ToList();
        var document = Document(loaded, given, found, shares);
        if (json) JsonOut.Write(document);
        else Print(loaded, given, found, shares);
        if (folder is null) return ExitCode.Success;
        AtomicFile.WriteText(Path.Combine(folder.Create(), FileName), JsonText.Text(document) + "\n");
        folder.Finish();
        Console.Error.WriteLine($"written to {output}: {FileName}; pictures are drawn of one adapter (--adapter FOLDER).");
        return ExitCode.Success;
    }

    private static void Print(
        LoadedModel loaded, string given, List<(PeftMethod Adapter, AdapterAnalysis Analysis)> found, FusionShares? shares)
    {
        Console.Out.WriteLine($"{given}: {loaded.Composition}");
        foreach (var (adapter, analysis) in found)
        {
            Console.Out.WriteLine();
            Screen.Say(
                $"{adapter.Name}: {adapter.Options.PeftType}, {analysis.Matrices.Count} changed matrices, {analysis.Vectors.Count} changed "
                + $"vectors, {analysis.Effects.Count} other effects");
            AnalysisTables.Write(analysis, null);
        }
        if (shares is not null) Shares(shares);
        else if (loaded.Adapter is FusionMethod) Screen.Say("How the fusion weighs its adapters is measured on rows: give --data PATH.");
    }

    private static void Shares(FusionShares shares)
    {
        Console.Out.WriteLine();
        var names = shares.Fusion.FusedNames;
        Console.Out.WriteLine("Shares of the fusion's attention, by residual branch");
        var grid = new Grid([.. names.Select(name => $">{name}").Prepend("branch")]);
        foreach (var (branch, each) in shares.Weights.ByBranch) grid.Row([.. each.Select(Figures.Score).Prepend(branch)]);
        grid.Row([.. shares.Mean.Select(share => Figures.Score(share.Value)).Prepend("mean")]);
        grid.Write();
    }

    private static JsonObject Document(
        LoadedModel loaded, string given, List<(PeftMethod Adapter, AdapterAnalysis Analysis)> found, FusionShares? shares) => new()
        {
            ["adapter"] = given,
            ["composition"] = loaded.Composition!.ToString(),
            ["parts"] = new JsonArray([.. found.Select(part => (JsonNode)Part(loaded, part.Adapter, part.Analysis))]),
            ["fusion"] = shares is null ? null : new JsonObject
            {
                ["mean"] = JsonText.Numbers(shares.Mean),
                ["branches"] = new JsonObject(shares.Weights.ByBranch.Select(branch => KeyValuePair.Create(
                    branch.Key, (JsonNode?)JsonText.Numbers(shares.Fusion.FusedNames.Zip(branch.Value, KeyValuePair.Create))))),
            },
        };

    private static JsonObject Part(LoadedModel loaded, PeftMethod adapter, AdapterAnalysis analysis)
    {
        var document = AnalysisJson.Of(analysis, null, ChangedEntries.Of(loaded.Model, adapter), null);
        document.Insert(0, "name", adapter.Name);
        document.Insert(1, "method", adapter.Options.PeftType);
        return document;
    }
}
