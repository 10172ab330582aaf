namespace PeftSharp.Runs.Recipes;

/// <summary>One setting of a run: its Hugging Face key in a recipe, its option on the command line, and how its text is understood.</summary>
/// <param name="Key">The key in a recipe.</param>
/// <param name="Option">The option.</param>
/// <param name="Value">What the option takes, for the help; null for a switch.</param>
/// <param name="Help">One sentence.</param>
/// <param name="Set">Understands the text.</param>
/// <param name="Aliases">Other keys that a recipe may use.</param>
internal sealed record TrainKey(string Key, string Option, string? Value, string Help, Action<TrainSettings, string> Set, params string[] Aliases)
{
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
            settings.Given[Key] = text;
        }
        catch (BadValueException e)
        {
            throw new SettingsException($"{where} is \"{text}\"; expected {e.Message}.");
        }
    }
}

/// <summary>A text that is no value of its setting; the message is what was expected.</summary>
internal sealed class BadValueException(string expected) : Exception(expected);
