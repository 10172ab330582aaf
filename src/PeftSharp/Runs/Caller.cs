namespace PeftSharp.Runs;

/// <summary>
/// Who asks for a run: how it calls settings in messages, and how it signs what is written. This one is a C# program, which knows the keys
/// of recipes.
/// </summary>
public class Caller
{
    /// <summary>A C# program.</summary>
    internal static Caller Program { get; } = new();

    /// <summary>What run.json names as its writer.</summary>
    public virtual string Name => $"PeftSharp {Version}";

    /// <summary>How output folders are called and signed.</summary>
    public virtual OutputOptions Output => new() { PlaceName = "output_dir", OverwriteName = "overwrite_output_dir", WrittenBy = Name };

    /// <summary>What a setting is called, by its key in a recipe.</summary>
    public virtual string Setting(string key) => key;

    /// <summary>A setting with a value, as the caller would write it.</summary>
    public virtual string Setting(string key, string value) => $"{key}: {value}";

    /// <summary>Where settings of the method stand that no recipe gave.</summary>
    public virtual string MethodSettings => "the settings of the method";

    /// <summary>How to go on with a run that was cut off.</summary>
    public virtual string GoOn(string folder) => $"Run.Resume(\"{folder}\")";

    /// <summary>The sentence about a setting that a run cannot do without.</summary>
    /// <param name="key">Its key in a recipe.</param>
    /// <param name="recipe">The recipe that lacks it; null for none.</param>
    /// <param name="resumes">True if a run that was cut off is to be taken up.</param>
    /// <param name="folder">Where that run is to be.</param>
    public virtual string Missing(string key, string? recipe, bool resumes, string? folder) => recipe is not null
        ? $"{recipe} has no \"{key}\"; add it."
        : resumes
            ? $"There is no run to go on with in {folder ?? "an unnamed folder"}; give the folder of one that was cut off."
            : $"The run has no \"{key}\"; give one.";

    /// <summary>True if a run without an output folder is refused.</summary>
    public virtual bool NeedsFolder => false;

    /// <summary>Where the keys of a run and of a method are told.</summary>
    public virtual string KnownSettings(string method) =>
        $"see the keys of recipes in the documentation and the settings of \"{method}\" in docs/methods.md.";

    /// <summary>How to name a base for all runs of a comparison.</summary>
    public virtual string GiveBaseOfAll => "add it";

    /// <summary>How to name the data of all runs of a search.</summary>
    public virtual string GiveDataOfAll => "add it";

    /// <summary>How to name the base of an adapter that does not name one.</summary>
    public virtual string GiveBase => "give the base model";

    /// <summary>The library's version.</summary>
    protected static string Version => typeof(Caller).Assembly.GetName().Version?.ToString(3) ?? "";
}
