using System.Text.Json.Nodes;

namespace PeftSharp.Runs.Recipes;

/// <summary>
/// One setting of a run: its Hugging Face key in a recipe, its option on the command line, and how its text is understood.
/// </summary>
public sealed record TrainKey
{
    private readonly Action<TrainSettings, string> _set;
    private readonly Func<TrainSettings, JsonNode?> _get;

    /// <param name="key">The key in a recipe.</param>
    /// <param name="option">The option.</param>
    /// <param name="value">What the option takes, for the help; null for a switch.</param>
    /// <param name="about">One sentence, without the default.</param>
    /// <param name="set">Understands the text, and refuses what is out of range.</param>
    /// <param name="get">The value, as run.json has it.</param>
    /// <param name="aliases">Other keys that a recipe may use.</param>
    internal TrainKey(
        string key, string option, string? value, string about, Action<TrainSettings, string> set, Func<TrainSettings, JsonNode?> get,
        params string[] aliases) =>
        (Key, Option, Value, About, _set, _get, Aliases) = (key, option, value, about, set, get, aliases);

    /// <summary>The key in a recipe.</summary>
    public string Key { get; }

    /// <summary>The option of <c>peft train</c>.</summary>
    public string Option { get; }

    /// <summary>What the option takes, for the help; null for a switch.</summary>
    public string? Value { get; }

    /// <summary>What it does, in one sentence without the default.</summary>
    public string About { get; }

    /// <summary>Other keys that a recipe may use.</summary>
    public IReadOnlyList<string> Aliases { get; }

    /// <summary>True if run.json tells it.</summary>
    internal bool IsTold { get; init; }

    /// <summary>Its name in run.json, where that has another than the recipe.</summary>
    internal string? ToldAs { get; init; }

    /// <summary>Its name in run.json; null where that leaves it out.</summary>
    internal string? Told => ToldAs ?? (IsTold ? Key : null);

    /// <summary>The default in words, where it is no fixed value; null for the value that settings start with.</summary>
    public string? Default { get; internal init; }

    /// <summary>One sentence, with the default.</summary>
    public string Help => Usual is { } usual ? $"{About}. Default: {usual}" : About;

    /// <summary>The default in words; null for a switch that is off, a list without items, and what is not there.</summary>
    public string? Usual => Default ?? (Value is null ? null : Get(new()) switch
    {
        null or JsonArray => null,
        JsonValue value when value.TryGetValue<bool>(out _) => null,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        var number => number.ToJsonString().Replace("E-0", "e-", StringComparison.Ordinal),
    });

    /// <summary>The values that there are, in words; null where any text will do. It is what refusals say.</summary>
    public string? Range
    {
        get
        {
            try
            {
                _set(new(), "\0");
                return null;
            }
            catch (BadValueException e)
            {
                return e.Message;
            }
        }
    }

    /// <summary>What a switch means when it is given.</summary>
    public string Switch { get; internal init; } = "true";

    /// <summary>True for a list: in a recipe, also a list of YAML's.</summary>
    public bool IsList => Value?.Contains(',', StringComparison.Ordinal) == true;

    /// <summary>True if a list of YAML's may hold mappings, which are taken as JSON.</summary>
    internal bool IsMixed { get; init; }

    /// <summary>The value that settings have, as run.json tells it.</summary>
    internal JsonNode? Get(TrainSettings settings) => _get(settings);

    /// <summary>True for its key and its aliases.</summary>
    public bool Is(string name) => Key == name || Aliases.Contains(name);

    /// <summary>Takes a text over; a failure names where it stood.</summary>
    internal void Apply(TrainSettings settings, string text, string where)
    {
        try
        {
            _set(settings, text);
            if (Key == "method") settings.ForgetMethodOptions();
            settings.Given[Key] = text;
        }
        catch (BadValueException e)
        {
            throw new SettingsException($"{where} is \"{text}\"; expected {e.Message}.");
        }
    }
}
