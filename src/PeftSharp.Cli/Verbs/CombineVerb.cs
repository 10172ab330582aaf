using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Analysis.Combining;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Files.Json;
using PeftSharp.Runs;
using PeftSharp.Runs.Making;
using PeftSharp.Sites;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft combine</c>: one adapter made of several.</summary>
internal static class CombineVerb
{
    private static readonly Dictionary<string, CombineMethod> Ways = new()
    {
        ["cat"] = CombineMethod.Cat,
        ["svd"] = CombineMethod.Svd,
        ["magnitude_prune"] = CombineMethod.MagnitudePrune,
        ["ties"] = CombineMethod.Ties,
        ["dare_linear"] = CombineMethod.DareLinear,
        ["dare_ties"] = CombineMethod.DareTies,
        ["mean"] = CombineMethod.Mean,
    };

    public static void Build(Command command)
    {
        var (models, output) = (new ModelParts(), new AdapterOutput("combine"));
        var how = VerbParts.Text("--how", "NAME",
            $"How changes of weights become one: {string.Join(", ", Ways.Keys)}. Default: cat, the exact sum; mean averages tensors; "
            + $"{FusionPruning.Way} leaves out what a fusion hardly asks.");
        var weights = VerbParts.Text("--weights", "W,W",
            "A weight for each adapter, negative ones included. Default: those of average(…), divided by their sum; 1 in a stack.");
        var rank = VerbParts.Text("--rank", "N",
            "Rank of the result, or, as 0.9, the share of each matrix's energy to keep. Default: what the way needs.");
        var density = VerbParts.Text("--density", "SHARE", "Share of the entries that pruning keeps. Default: 0.2.");
        var sign = VerbParts.Text("--sign", "NAME", "How ties elects signs: total or frequency. Default: total.");
        var seed = VerbParts.Text("--seed", "N", "Seed of what dare drops. Default: 42.");
        var head = VerbParts.Text("--head", "FOLDER",
            "The adapter whose head the result has. Default: the mean of the heads, where all answer the same labels.");
        var data = VerbParts.Text(
            "--data", "PATH",
            $"Of a soup: held-out rows to score on, or texts of the new domain. With --how {FusionPruning.Way}: rows on which the shares "
            + "of a fusion's attention are measured; labels are not needed.");
        var pruning = new FusionPruning(models, output, data);
        Option[] own = [models.Base, models.Adapter, models.Revision, how, weights, rank, density, sign, seed, head, data];
        foreach (var option in own) command.Add(option);
        pruning.AddTo(command);
        var soup = new SoupParts(command, data);
        output.AddTo(command);
        HelpWithExamples.Add(command,
            "combine --base models/bert-base --adapter \"average(runs/a,runs/b)\" --out runs/ab",
            "combine --base models/bert-base --adapter \"stack(runs/a,runs/b)\" --weights 1,-0.5 --out runs/a-without-b",
            "combine --base models/bert-base --adapter \"average(runs/a,runs/b,runs/c)\" --soup greedy --data dev.tsv --out runs/soup",
            "combine --base models/bert-base --adapter \"stack(runs/a,runs/b)\" --how ties --density 0.2 --rank 8 --out runs/ties",
            "combine --base models/bert-base --adapter runs/fused --how prune --data dev.tsv --least-share 0.1 --out runs/small");
        VerbParts.Run(command, parsed =>
        {
            if (string.Equals(parsed.GetValue(how), FusionPruning.Way, StringComparison.OrdinalIgnoreCase)) return pruning.Run(parsed);
            pruning.RequireNone(parsed);
            var (most, energy) = RankOf(parsed, rank);
            var options = new CombineOptions
            {
                How = Choice(parsed, how, Ways, CombineMethod.Cat),
                Rank = most,
                Energy = energy,
                Density = Number(parsed, density) ?? 0.2,
                Sign = Choice(parsed, sign, new() { ["total"] = SignElection.Total, ["frequency"] = SignElection.Frequency },
                    SignElection.Total),
                Seed = (ulong)(VerbParts.Whole(parsed, seed) ?? 42),
            };
            if (soup.IsAsked(parsed) && (parsed.GetValue(how) is not (null or "mean") || parsed.GetValue(weights) is not null))
                throw new UsageException("--soup averages tensors, each adapter alike; leave out --how and --weights.");
            return Run(parsed, models, output, options, Weights(parsed, weights), parsed.GetValue(head), soup);
        });
    }

    /// <summary>A rank, or a share of the energy.</summary>
    public static (int? Rank, double? Energy) RankOf(ParseResult parsed, Option<string> option)
    {
        if (parsed.GetValue(option) is not { } text) return (null, null);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var rank) && rank is >= 1 and <= 1 << 16)
            return (rank, null);
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var energy) && energy is > 0 and < 1
            ? (null, energy)
            : throw new UsageException(
                $"{option.Name} is \"{text}\"; expected a whole number from 1 to 65536, or a share of the energy above 0 and below 1.");
    }

    private static int Run(ParseResult parsed, ModelParts models, AdapterOutput output, CombineOptions options, double[]? weights,
        string? head, SoupParts soup)
    {
        var given = VerbParts.Need(parsed, models.Adapter, "combine");
        if (!AdapterExpression.IsComposed(given))
            throw new UsageException(
                $"--adapter is \"{given}\"; peft combine takes several, as in stack(runs/a,runs/b) or average(runs/a:0.3,runs/b:0.7).");
        using var folder = output.Plan(parsed, models);
        var (basis, adapters) = models.Find(parsed, "combine", composed: true);
        var composed = ComposedFolders.TryRead(adapters!.Folder)!;
        folder.Protect([basis.Folder, .. composed.Folders]);
        var loaded = ModelOpener.Open(basis.Folder, adapters.Folder, new LoadOptions { Dense = true }, proof: output.Proof(parsed));
        var parts = Parts(loaded.Composition!, weights);
        var sources = parts.Select(part => (loaded.Model.Adapters.Values.First(a => a.Tag == part.Adapter), part.Weight)).ToList();
        var chosen = head is null ? null : HeadOf(AdapterExpression.Parse(given), head, loaded.Composition!);
        if (soup.IsAsked(parsed))
        {
            var made = soup.Make(parsed, loaded, [.. sources.Select(s => s.Item1)], chosen, FreeName(loaded.Model));
            MadeAdapter.Write(loaded, made.Adapter, folder);
            SoupParts.Tell(made, AdapterExpression.Parse(given), parsed.GetValue(output.Folder)!, parsed.GetValue(output.Json));
            return ExitCode.Success;
        }
        var combined = AdapterCombination.Combine(loaded.Model, sources, options with { Head = chosen }, FreeName(loaded.Model));
        MadeAdapter.Write(loaded, combined.Adapter, folder);
        var (target, count) = (parsed.GetValue(output.Folder)!, Figures.Count(combined.Adapter.TrainedWeights));
        if (parsed.GetValue(output.Json))
            JsonOut.Write(new JsonObject
            {
                ["out"] = target,
                ["weights"] = combined.Adapter.TrainedWeights,
                ["energy"] = JsonText.Number(combined.Energy)
            });
        else
            Console.Out.WriteLine(FormattableString.Invariant(
                $"{sources.Count} adapters in one, {count} weights, {100 * combined.Energy:0.0} % of ‖ΔW‖² kept; written to {target}"));
        return ExitCode.Success;
    }

    // A stack and an average of adapters; what is nested has no one weight a piece.
    private static List<(AdapterTag Adapter, double Weight)> Parts(AdapterComposition composition, double[]? weights)
    {
        if (composition.Children.Any(child => child is not AdapterComposition.One)
            || composition is not (AdapterComposition.Stack or AdapterComposition.Average))
            throw new UsageException("peft combine takes a stack or an average of adapters, with nothing nested.");
        var own = composition is AdapterComposition.Average average ? average.Weights : [.. composition.Children.Select(_ => 1.0)];
        if (weights is not null && weights.Length != own.Count)
            throw new UsageException($"--weights names {weights.Length} weights, but --adapter {own.Count} adapters; give one for each.");
        return [.. composition.Children.Select((child, i) => (((AdapterComposition.One)child).Adapter, weights?[i] ?? own[i]))];
    }

    private static string HeadOf(AdapterExpression given, string head, AdapterComposition loaded)
    {
        var at = given.Children.ToList().FindIndex(child => child.Name == head);
        return at >= 0 ? ((AdapterComposition.One)loaded.Children[at]).Adapter.Name
            : throw new UsageException(
                $"--head is \"{head}\", which is none of the adapters; expected one of {string.Join(", ", given.Names)}.");
    }

    private static string FreeName(PeftModel model) => model.Adapters.ContainsKey("default") ? "combined" : "default";

    private static double[]? Weights(ParseResult parsed, Option<string> option) =>
        parsed.GetValue(option)?.Split(',', StringSplitOptions.TrimEntries).Select(text => Number(option, text)).ToArray();

    private static double? Number(ParseResult parsed, Option<string> option) =>
        parsed.GetValue(option) is { } text ? Number(option, text) : null;

    private static double Number(Option<string> option, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number
        : throw new UsageException($"{option.Name} is \"{text}\"; expected a number.");

    private static T Choice<T>(ParseResult parsed, Option<string> option, Dictionary<string, T> choices, T fallback) =>
        parsed.GetValue(option) is not { } name ? fallback
        : choices.TryGetValue(name.ToLowerInvariant(), out var found) ? found
        : throw new UsageException($"{option.Name} is \"{name}\"; expected {string.Join(", ", choices.Keys)}.");
}
