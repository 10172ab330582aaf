using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Autotuning;

/// <summary>What a search chooses among.</summary>
public sealed record SearchSpace
{
    /// <summary>The modules. At least one takes part in every configuration.</summary>
    public IReadOnlyList<ModuleAxis> Modules { get; init; } = [];

    /// <summary>True (default) chooses the layers that have modules as well; the same layers for all modules.</summary>
    public bool Layers { get; init; } = true;

    /// <summary>Settings of the run that are chosen as well; none by default.</summary>
    public IReadOnlyList<SettingAxis> Settings { get; init; } = [];

    /// <summary>
    /// AutoPEFT's space (Zhou et al. 2023, arXiv 2301.12132): serial and parallel bottlenecks and a prefix, their sizes powers of two, and
    /// the layers that have them. Sizes end at 64, where the paper goes to the model's width.
    /// </summary>
    public static SearchSpace AutoPeft { get; } = new()
    {
        Modules = [new("seq_bn", PowersOfTwo), new("par_bn", PowersOfTwo), new("prefix_tuning", PowersOfTwo)],
    };

    /// <summary>LoRA alone: its rank, and the layers that have it.</summary>
    public static SearchSpace Lora { get; } = new() { Modules = [new("lora", [1, 2, 4, 8, 16, 32])] };

    /// <summary>LoRA of rank 1 at every linear map and a serial bottleneck of width 4 in every layer: what a structure search opens or
    /// closes.</summary>
    public static SearchSpace Places { get; } = new() { Modules = [new("lora", [0, 1]), new("seq_bn", [0, 4])] };

    private static int[] PowersOfTwo => [0, 1, 2, 4, 8, 16, 32, 64];

    /// <summary>A space by its name, or written as one text.</summary>
    /// <param name="text"><c>autopeft</c>, <c>lora</c>, or modules with their sizes: <c>seq_bn=0,8,64 lora=0,4,16</c>; a key of a recipe
    /// with values is a setting to choose; <c>layers=all</c> leaves the layers alone.</param>
    /// <exception cref="SettingsException">It is neither.</exception>
    public static SearchSpace Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Trim().ToLowerInvariant() switch
        {
            "autopeft" => AutoPeft,
            "lora" => Lora,
            _ => SpaceReader.FromText(text),
        };
    }

    /// <summary>Refuses a space with nothing in it.</summary>
    /// <exception cref="SettingsException">No configuration has a module, or an axis makes no sense.</exception>
    internal void Validate(string source)
    {
        if (Modules.All(m => m.Sizes.All(s => s == 0)))
            throw new SettingsException(
                $"{source}: the search space has nothing in it; name modules with sizes above 0, such as seq_bn=0,8,64.");
        foreach (var module in Modules) module.Validate(source);
        if (Modules.GroupBy(m => m.Method).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new SettingsException($"{source}: the search space names {twice.Key} twice; give each module once.");
        foreach (var axis in Settings)
        {
            if (TrainKeys.Find(axis.Key) is not { } key)
                throw new SettingsException(
                    $"{source}: the search space names \"{axis.Key}\", which is neither a method nor a setting of a run; "
                    + $"{Nearest.Hint(axis.Key, TrainKeys.Names)}\"peft methods\" lists the methods.");
            if (axis.Values.Count == 0 || axis.Values.Distinct().Count() != axis.Values.Count)
                throw new SettingsException($"{source}: \"{axis.Key}\" of the search space needs one or more different values.");
            foreach (var value in axis.Values) key.Apply(new TrainSettings(), value, $"{source}: \"{axis.Key}\" of the search space");
        }
    }
}
