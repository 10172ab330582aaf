using System.Text;
using System.Text.RegularExpressions;
using PeftSharp.Cli.Terminal;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Cli.Methods;

/// <summary>The registry as a page of documentation: written by the program, so that it can't fall behind.</summary>
internal static partial class MethodPage
{
    public static string Write()
    {
        var page = new StringBuilder("""
            # Methods

            What the registry knows, as `peft methods --markdown` writes it; `peft methods NAME` shows one on the terminal. Any of a
            method's names is a `--method`; its settings are given as `--set NAME=VALUE`, or as keys of a recipe. Names are those of the
            files: peft's where peft has the method, else AdapterHub's.

            In the formulas x is what a place of the model reads, of shape [rows, tokens, in]; W [out, in] and b [out] are the base's own,
            frozen unless the method trains them.


            """);
        page.Append(
            "| method | family | where it acts | merges | starts as the base | saved in the layout of |\n|---|---|---|---|---|---|\n");
        foreach (var m in MethodRegistry.All)
            page.Append(
                $"| [`{m.Name}`](#{m.Name}) | {Word(m.Family)} | {m.Sites} | {Yes(m.Mergeable)} | {Yes(m.NeutralStart)} | "
                + $"{Layout(m.Format)} |\n");
        foreach (var m in MethodRegistry.All) Add(page, m);
        return page.ToString();
    }

    private static void Add(StringBuilder page, MethodInfo method)
    {
        var defaults = method.CreateOptions();
        page.Append($"\n## {method.Name}\n\n{method.Summary}\n\n```\n{method.Formula}\n```\n\n");
        page.Append($"{Sentence(Linked(method.Paper))} On disk: `{method.PeftType}`.");
        if (method.Aliases.Count > 0) page.Append($" Also called {Code(method.Aliases)}.");
        page.Append('\n');
        if (method.Presets.Count > 0)
        {
            page.Append("\n| preset | differs from the defaults in |\n|---|---|\n");
            foreach (
                var (settings, names) in method.Presets.GroupBy(p => Differences(defaults, p.Value()), p => p.Key)
                    .Select(g => (g.Key, g.ToList())))
                page.Append($"| {Code(names)} | {settings} |\n");
        }
        if (defaults is UnionOptions union)
        {
            var parts = MethodSettings.PartNames(union);
            page.Append(
                "\nAny methods can be joined, written with `|` between them: `--method \"lora|prefix_tuning|seq_bn\"`. A part's settings "
                + "go by its name: ")
                .Append($"`--set lora.r=4 prefix_tuning.num_virtual_tokens=5`; those of `{method.Name}` are called {Code(parts)}.\n");
        }
        page.Append("\n| setting | default | |\n|---|---|---|\n");
        foreach (var setting in MethodSettings.Of(defaults.GetType()))
            page.Append($"| `{setting.Name}` | `{Text(defaults, setting)}` | {Cell(MethodDocs.Of(setting.Property))} |\n");
    }

    private static string Differences(MethodOptions defaults, MethodOptions preset)
    {
        var changed = MethodSettings.Of(preset.GetType())
            .Where(s => Text(preset, s) != Text(defaults, s))
            .Select(s => $"`{s.Name}` {Text(preset, s)}")
            .ToList();
        if (preset.Format != defaults.Format) changed.Add($"conventions and layout of {Layout(preset.Format)}");
        return changed.Count > 0 ? Cell(string.Join(", ", changed)) : preset.Equals(defaults) ? "nothing: the defaults" : "its parts";
    }

    private static string Text(MethodOptions options, MethodSetting setting) => MethodSettings.Shown(options, setting);

    private static string Word(MethodFamily family) => family.ToString().ToLowerInvariant();

    private static string Layout(AdapterFormat format) => format == AdapterFormat.Peft ? "peft" : "AdapterHub";

    private static string Yes(bool value) => value ? "yes" : "no";

    private static string Code(IEnumerable<string> names) => string.Join(", ", names.Select(n => $"`{n}`"));

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static string Sentence(string text) => $"{char.ToUpperInvariant(text[0])}{text[1..]}.";

    private static string Linked(string paper) => ArXiv().Replace(paper, "[arXiv $1](https://arxiv.org/abs/$1)");

    [GeneratedRegex(@"arXiv (\d{4}\.\d{5})")]
    private static partial Regex ArXiv();
}
