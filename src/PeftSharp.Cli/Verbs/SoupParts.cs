using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Analysis.Combining.Soups;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Runs;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options of a soup: the mean of adapters that are chosen.</summary>
internal sealed class SoupParts
{
    private readonly Option<string> _way = VerbParts.Text(
        "--soup", "NAME",
        "The mean of tensors of chosen adapters: greedy (by the score on --data), similar or cluster (by the likeness of --domains to "
        + "--data).");
    private readonly Option<string> _data;
    private readonly Option<string> _domains = VerbParts.Text(
        "--domains", "PATHS", "Of a soup: for each adapter, in order, texts that it was trained on, separated by commas.");
    private readonly Option<string> _members = VerbParts.Text("--members", "N", "Most adapters in a soup of like domains. Default: 5.");

    public SoupParts(Command command, Option<string> data)
    {
        _data = data;
        foreach (var option in (Option[])[_way, _domains, _members]) command.Add(option);
    }

    /// <summary>True if a soup is asked for; refuses its options elsewhere.</summary>
    public bool IsAsked(ParseResult parsed)
    {
        if (parsed.GetValue(_way) is { } way)
            return way is "greedy" or "similar" or "cluster" ? true
                : throw new UsageException($"{_way.Name} is \"{way}\"; expected greedy, similar or cluster.");
        VerbParts.Whole(parsed, _members, 1);
        var stray = ((Option<string>[])[_data, _domains, _members]).FirstOrDefault(o => parsed.GetValue(o) is not null);
        return stray is null ? false : throw new UsageException(
            $"{stray.Name} goes with {_way.Name}{(stray == _data ? $" or --how {FusionPruning.Way}" : "")}.");
    }

    /// <summary>Makes it.</summary>
    public AdapterSoup Make(ParseResult parsed, LoadedModel model, IReadOnlyList<PeftMethod> adapters, string? head, string name)
    {
        var (way, data) = (parsed.GetValue(_way)!, VerbParts.Need(parsed, _data, "combine --soup"));
        var members = VerbParts.Whole(parsed, _members, 1) ?? new DomainOptions().Members;
        if (way == "greedy") return AdapterSoup.Greedy(model, adapters, data, head: head, name: name);
        var domains = VerbParts.Need(parsed, _domains, $"combine --soup {way}")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return AdapterSoup.Like(model, adapters, domains, data, new() { ByCluster = way == "cluster", Members = members }, head, name);
    }

    /// <summary>Says what is in it.</summary>
    public static void Tell(AdapterSoup soup, AdapterExpression given, string target, bool json)
    {
        var named = soup.Ingredients.Zip(given.Names, (one, name) => one with { Adapter = name }).ToList();
        if (json)
        {
            JsonOut.Write(new JsonObject
            {
                ["out"] = target,
                ["score"] = soup.Score is { } score ? JsonText.Number(score) : null,
                ["adapters"] = new JsonArray([.. named.Select(one => (JsonNode)new JsonObject
                {
                    ["adapter"] = one.Adapter,
                    ["value"] = JsonText.Number(one.Value),
                    ["kept"] = one.IsKept,
                })]),
            });
            return;
        }
        var grid = new Grid("adapter", soup.Score is null ? ">likeness" : ">score", "in the soup");
        foreach (var one in named) grid.Row(one.Adapter, Figures.Score(one.Value), one.IsKept ? "yes" : "no");
        grid.Write();
        var scored = soup.Score is { } value ? $", score {Figures.Score(value)}" : "";
        Console.Out.WriteLine($"{named.Count(one => one.IsKept)} of {named.Count} adapters in one{scored}; written to {target}");
    }
}
