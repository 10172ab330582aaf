namespace PeftSharp.Runs;

/// <summary>How a folder of results is written.</summary>
public sealed record OutputOptions
{
    /// <summary>
    /// True replaces results of this program that are there already. Default: false, which refuses a folder that is not empty.
    /// </summary>
    public bool Overwrite { get; init; }

    /// <summary>
    /// True leaves files that others put beside the results where they are, instead of refusing; they move along. Default: false.
    /// </summary>
    public bool KeepOthers { get; init; }

    /// <summary>What the folder's mark names as its writer. Default: the library.</summary>
    public string WrittenBy { get; init; } = "PeftSharp";

    /// <summary>What messages call the folder. Default: "The output folder".</summary>
    public string PlaceName { get; init; } = "The output folder";

    /// <summary>What messages call <see cref="Overwrite"/>. Default: its name.</summary>
    public string OverwriteName { get; init; } = nameof(Overwrite);

    /// <summary>Hears what a user should know of: where something was kept. Default: nobody.</summary>
    public Action<string>? Remark { get; init; }
}
