using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods;

/// <summary>What the registry says of a method.</summary>
/// <remarks>A program's own method joins by <see cref="MethodRegistry.Add"/>.</remarks>
public sealed record MethodInfo
{
    /// <summary>Its name on the command line.</summary>
    public required string Name { get; init; }

    /// <summary>Other names that are accepted.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Its family.</summary>
    public required MethodFamily Family { get; init; }

    /// <summary>Its <c>peft_type</c> on disk.</summary>
    public required string PeftType { get; init; }

    /// <summary>The paper that defines it.</summary>
    public required string Paper { get; init; }

    /// <summary>Where it plugs in.</summary>
    public required string Sites { get; init; }

    /// <summary>One sentence.</summary>
    public required string Summary { get; init; }

    /// <summary>What it computes or trains, as a formula in plain text.</summary>
    public required string Formula { get; init; }

    /// <summary>The type of its settings; has a parameterless constructor with the defaults.</summary>
    public required Type OptionsType { get; init; }

    /// <summary>True if outputs equal the base bit for bit before the first step.</summary>
    public bool NeutralStart { get; init; }

    /// <summary>peft's name of the only task that it is for; null (default) for any.</summary>
    public string? TaskType { get; init; }

    /// <summary>True if it can be written into the base's weights.</summary>
    public bool Mergeable { get; init; }

    /// <summary>True if what it writes goes into biases, so that an adapter of maps without one is refused.</summary>
    public bool MergesIntoBiases { get; init; }

    /// <summary>True if training decides how much of it is saved (ranks that go): sizes told before are the largest there can be.</summary>
    public bool SizeIsLearned { get; init; }

    /// <summary>True if a gradient of it is an estimate (straight-through), which no difference of losses confirms.</summary>
    public bool EstimatesGradients { get; init; }

    /// <summary>
    /// How its adapters lie on disk, by format; the first is taken unless told otherwise. Default: peft's, with nothing of its own.
    /// </summary>
    internal IReadOnlyList<AdapterLayout> Layouts { get; init; } = [PeftLayout.Plain];

    /// <summary>
    /// The formats that it can be saved in and read from; settings may narrow them (<see cref="MethodOptions.Refusal"/>).
    /// </summary>
    public IReadOnlyList<AdapterFormat> Formats => [.. Layouts.Select(l => l.Format)];

    /// <summary>The format that it is saved in unless told otherwise.</summary>
    public AdapterFormat Format => Layouts[0].Format;

    /// <summary>Settings by alias that differ from the defaults (presets).</summary>
    public IReadOnlyDictionary<string, Func<MethodOptions>> Presets { get; init; } = new Dictionary<string, Func<MethodOptions>>();

    /// <summary>The default settings.</summary>
    public MethodOptions CreateOptions() => (MethodOptions)Activator.CreateInstance(OptionsType)!;
}
