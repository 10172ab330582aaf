namespace PeftSharp.Tokenization.Chat;

/// <summary>Arguments of a call, computed.</summary>
/// <param name="Places">Those by place.</param>
/// <param name="Names">Those by name.</param>
internal sealed record TemplateArguments(IReadOnlyList<object?> Places, IReadOnlyDictionary<string, object?> Names)
{
    /// <summary>An argument by its place, else by its name, else what stands for it.</summary>
    public object? Get(int place, string name, object? missing = null) =>
        place >= 0 && place < Places.Count ? Places[place] : Names.TryGetValue(name, out var value) ? value : missing;

    /// <summary>A whole number; null where it is missing or none.</summary>
    public int? Int(int place, string name) => Get(place, name) switch
    {
        null => null,
        long number and >= int.MinValue and <= int.MaxValue => (int)number,
        bool truth => truth ? 1 : 0,
        var other => throw new TemplateFailure($"gives {name} {TemplateValues.Kind(other)}, where a whole number was expected"),
    };

    /// <summary>A text; null where it is missing or none.</summary>
    public TemplateText? Text(int place, string name) => Get(place, name) switch
    {
        null => null,
        TemplateText text => text,
        var other => throw new TemplateFailure($"gives {name} {TemplateValues.Kind(other)}, where a text was expected"),
    };
}
