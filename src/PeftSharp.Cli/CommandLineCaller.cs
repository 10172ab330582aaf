using PeftSharp.Runs;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Cli;

/// <summary>The command line as who asks for a run: settings are called by their options.</summary>
/// <param name="verb">The verb.</param>
internal sealed class CommandLineCaller(string verb) : Caller
{
    public override string Name => $"peft {Version}";

    public override OutputOptions Output => Outputs.Options(verb, overwrite: false);

    public override bool NeedsFolder => verb == "train";

    public override string Setting(string key) => TrainKeys.Find(key)!.Option;

    public override string Setting(string key, string value) =>
        TrainKeys.Find(key) is { Value: null, Option: var option } ? option : $"{Setting(key)} {value}";

    public override string MethodSettings => "--set";

    public override string GoOn(string folder) => $"peft train --resume --out {folder}";

    public override string GiveBase => $"peft {verb} needs --base FOLDER";

    public override string GiveBaseOfAll => $"{base.GiveBaseOfAll}, or give --base FOLDER";

    public override string GiveDataOfAll => $"{base.GiveDataOfAll}, or give --data PATH";

    public override string KnownSettings(string method) => $"see \"peft train --help\" and \"peft methods {method}\".";

    public override string Missing(string key, string? recipe, bool resumes, string? folder)
    {
        var option = $"{Setting(key)} {TrainKeys.Find(key)!.Value}";
        if (recipe is not null) return $"{recipe} has no \"{key}\"; add it, or give {option}.";
        return resumes
            ? $"--resume: there is no run to go on with in {folder ?? "an unnamed folder"}; give its folder (--out FOLDER), or the "
                + "settings of a new one."
            : $"peft train needs {option}; see \"peft train --help\".";
    }
}
