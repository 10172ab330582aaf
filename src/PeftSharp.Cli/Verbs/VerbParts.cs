using System.CommandLine;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Cli.Verbs;

/// <summary>Options that several verbs share.</summary>
internal static class VerbParts
{
    public static Option<bool> Json() => new("--json") { Description = "Write the result as JSON on standard output." };

    public static Option<string> Text(string name, string value, string help, params string[] aliases) =>
        new(name, aliases) { Description = help, HelpName = value };

    public static Option<string> Base() => Text("--base", "FOLDER", "The base model: a Hugging Face folder, or owner/name of the hub.");

    public static Option<string> Adapter() =>
        Text(
            "--adapter", "FOLDER",
            "The adapter: a folder of peft or AdapterHub, or owner/name[@revision] of the hub; where several may act, also stack(A,B), "
            + "average(A:0.3,B:0.7).");

    public static Option<string> Revision() =>
        Text("--revision", "NAME", "Branch, tag or commit of a base model of the hub. Default: main.");

    public static Option<bool> NoVerify() => new(Models.ModelOpener.Override, "--force")
    {
        Description = "Go on where the adapter's proof says that base, adapter or tokenizer are others; a warning is written.",
    };

    /// <summary>What <see cref="NoVerify"/> asks for.</summary>
    public static ProofUse Proof(ParseResult parsed, Option<bool> noVerify) => parsed.GetValue(noVerify) ? ProofUse.Warn : ProofUse.Refuse;

    /// <summary>A value that the verb cannot do without.</summary>
    public static string Need(ParseResult parsed, Option<string> option, string verb) => parsed.GetValue(option) is { Length: > 0 } value
        ? value
        : throw new UsageException($"peft {verb} needs {option.Name} {option.HelpName}; see \"peft {verb} --help\".");

    /// <summary>A whole number of an option.</summary>
    public static int? Whole(ParseResult parsed, Option<string> option, int least = 0)
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return int.TryParse(
            text, System.Globalization.NumberStyles.Integer, System.Globalization.CultureInfo.InvariantCulture, out var value)
            && value >= least
            ? value
            : throw new UsageException($"{option.Name} is \"{text}\"; expected a whole number of at least {least}.");
    }

    /// <summary>The option of a setting of a run.</summary>
    public static Option Of(TrainKey key)
    {
        var help = $"{key.Help}. [{key.Key}]";
        return key.Value is null ? new Option<bool>(key.Option) { Description = help } : Text(key.Option, key.Value, help);
    }

    /// <summary>What a command line gives a setting; null where it does not.</summary>
    public static string? Given(ParseResult parsed, TrainKey key, Option option)
    {
        if (parsed.GetResult(option) is not { Implicit: false }) return null;
        if (option is Option<bool> flag) return parsed.GetValue(flag) ? key.Switch : null;
        return parsed.GetValue((Option<string>)option);
    }

    /// <summary>A NAME=VALUE of <c>--set</c>.</summary>
    public static KeyValuePair<string, string> Pair(string text, string example)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        return at > 0
            ? new(text[..at].Trim(), text[(at + 1)..].Trim())
            : throw new UsageException($"--set {text} is no NAME=VALUE; write for example --set {example}.");
    }

    /// <summary>Wires a verb: its work runs behind the one handler of failures.</summary>
    public static void Run(Command command, Func<ParseResult, int> work) =>
        command.SetAction(parsed => Failures.Guard(parsed, () => work(parsed)));
}
