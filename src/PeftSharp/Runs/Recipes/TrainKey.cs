using System.Text.Json.Nodes;

namespace PeftSharp.Runs.Recipes;

/// <summary>
/// One setting of a run: its Hugging Face key in a recipe, its option on the command line, and how its text is understood.
/// </summary>
/// <param name="Key">The key in a recipe.</param>
/// <param name="Option">The option.</param>
/// <param name="Value">What the option takes, for the help; null for a switch.</param>
/// <param name="About">One sentence, without the default.</param>
/// <param name="Set">Understands the text, and refuses what is out of range.</param>
/// <param name="Get">The value, as run.json has it.</param>
/// <param name="Aliases">Other keys that a recipe may use.</param>
internal sealed record TrainKey(
    string Key, string Option, string? Value, string About, Action<TrainSettings, string> Set, Func<TrainSettings, JsonNode?> Get,
    params string[] Aliases)
{
    /// <summary>True if run.json tells it.</summary>
    public bool IsTold { get; init; }

    /// <summary>Its name in run.json, where that has another than the recipe.</summary>
    public string? ToldAs { get; init; }

    /// <summary>Its name in run.json; null where that leaves it out.</summary>
    public string? Told => ToldAs ?? (IsTold ? Key : null);

    /// <summary>The default in words, where it is no fixed value; null for the value that settings start with.</summary>
    public string? Default { get; init; }

    /// <summary>One sentence, with the default.</summary>
    public string Help => (Default ?? Usual) is { } usual ? $"{About}. Default: {usual}" : About;

    // A switch that is off, a list without items and what is not there need no words.
    private string? Usual => Value is null ? null : Get(new()) switch
    {
        null or JsonArray => null,
        JsonValue value when value.TryGetValue<bool>(out _) => null,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        var number => number.ToJsonString().Replace("E-0", "e-", StringComparison.Ordinal),
    };

    /// <summary>What a switch means when it is given.</summary>
    public string Switch { get; init; } = "true";

    /// <summary>True for a list: in a recipe, also a list of YAML's.</summary>
    public bool IsList => Value?.Contains(',', StringComparison.Ordinal) == true;

    public bool Is(string name) => Key == name || Aliases.Contains(name);

    /// <summary>Takes a text over; a failure names where it stood.</summary>
    public void Apply(TrainSettings settings, string text, string where)
    {
        try
        {
            Set(settings, text);
            if (Key == "method") settings.MethodOptions = null;
            settings.Given[Key] = text;
        }
        catch (BadValueException e)
        {
            throw new SettingsException($"{where} is \"{text}\"; expected {e.Message}.");
        }
    }
}
