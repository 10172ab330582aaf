using System.CommandLine;

namespace PeftSharp.Cli.Help;

/// <summary>What options are about: the headings of help, the same in every verb.</summary>
internal static class OptionGroups
{
    /// <summary>The headings in their order, with the options below each.</summary>
    public static readonly (string Name, string[] Options)[] All =
    [
        (
            "Model",
            [
                "--base", "--config", "--numbers", "--adapter", "--revision", "--with", "--quantize", "--type", "--double-quant",
                "--block-size", "--embeddings", "--pooling", "--drop-layers",
            ]),
        ("Method",
        [
            "--method", "--methods", "--set", "--rank", "--directions", "--format",
            "--fuse", "--adapter-drop", "--no-base-dropout",
            "--how", "--weights", "--density", "--least-share", "--sign", "--head", "--to", "--space", "--strategy", "--max-weights",
            "--soup", "--members",
        ]),
        ("Data",
        [
            "--text", "--data", "--domains", "--eval-data", "--tasks", "--sampling-temperature", "--text-column", "--pair-column",
            "--label-column", "--label-columns", "--label-separator", "--problem", "--max-length", "--take",
            "--stratified", "--rows",
            "--split", "--split-shares", "--split-seed", "--no-stratify", "--skip-bad-rows", "--allow-blank", "--header", "--separator",
            "--quoted", "--no-label",
        ]),
        ("Writing",
        [
            "--plain", "--system", "--max-new-tokens", "--temperature", "--top-k", "--top-p", "--min-p", "--repetition-penalty", "--beams",
            "--length-penalty", "--stop",
        ]),
        ("Training",
        [
            "--recipe", "--epochs", "--max-steps", "--batch-size", "--accumulate", "--lr", "--learning-rates", "--schedule",
            "--warmup-ratio", "--warmup-steps", "--weight-decay",
            "--optim", "--adam-beta1", "--adam-beta2", "--adam-epsilon", "--max-grad-norm", "--order", "--packing", "--seed", "--seeds",
            "--dry-run", "--resume", "--save-steps", "--save-strategy",
            "--save-total-limit", "--again", "--trials", "--search-rows", "--search-epochs",
        ]),
        ("Scoring", ["--take-eval", "--metric", "--generate", "--prompts", "--eval-steps", "--early-stopping", "--load-best"]),
        (
            "Output",
            [
                "--out", "--overwrite", "--logits", "--keep", "--keep-all", "--plot", "--dtype", "--merge", "--tensors", "--markdown",
                "--write", "--private", "--message", "--json", "--quiet",
            ]),
        (
            "Machine",
            [
                "--compute", "--device", "--tokens-per-pass", "--checkpointing", "--cache-trunk", "--data-memory", "--cache", "--budget",
                "--no-verify", "--force", "--verbose", "--help", "--help-all", "--version",
            ]),
    ];

    // The ten that most command lines are made of, for verbs with many.
    private static readonly Dictionary<string, string[]> First = new()
    {
        ["train"] = ["--base", "--method", "--set", "--data", "--eval-data", "--epochs", "--lr", "--out", "--recipe", "--dry-run"],
        ["eval"] =
        [
            "--base", "--adapter", "--data", "--text-column", "--pair-column", "--label-column", "--take", "--split", "--metric", "--json",
        ],
        ["predict"] =
            ["--base", "--adapter", "--text", "--data", "--text-column", "--pair-column", "--take", "--out", "--logits", "--json"],
        ["generate"] =
            ["--base", "--adapter", "--text", "--plain", "--max-new-tokens", "--temperature", "--top-p", "--stop", "--seed", "--json"],
        ["chat"] = ["--base", "--adapter", "--system", "--max-new-tokens", "--temperature", "--top-p", "--stop", "--seed"],
        ["data"] =
        [
            "--base", "--eval-data", "--text-column", "--pair-column", "--label-column", "--max-length", "--split", "--split-shares",
            "--plot", "--json",
        ],
    };

    /// <summary>The options of a verb that its short help tells; all of them where they are few.</summary>
    public static IReadOnlyList<Option> Common(Command command, IReadOnlyList<Option> options) =>
        First.TryGetValue(command.Name, out var names)
        ? [.. names.Select(n => options.FirstOrDefault(o => o.Name == n)).OfType<Option>()]
        : options;

    /// <summary>Options below their headings, in order; headings without any are left out.</summary>
    public static IEnumerable<(string Name, IReadOnlyList<Option> Options)> Of(IReadOnlyCollection<Option> options)
    {
        foreach (var (name, names) in All)
        {
            var found = names.Select(n => options.FirstOrDefault(o => o.Name == n)).OfType<Option>().ToList();
            if (found.Count > 0) yield return (name, found);
        }
        var rest = options.Where(o => !IsKnown(o)).ToList();
        if (rest.Count > 0) yield return ("More", rest);
    }

    /// <summary>True if the option has a heading.</summary>
    public static bool IsKnown(Option option) => All.Any(g => g.Options.Contains(option.Name));
}
