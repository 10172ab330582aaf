namespace PeftSharp.Tokenization.Chat;

/// <summary>Variables of a template, of a loop in it, or of a macro.</summary>
internal sealed class TemplateScope(TemplateScope? outer)
{
    private readonly Dictionary<string, object?> values = [];

    /// <summary>The value of a name; undefined where nothing has it.</summary>
    public object? Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.values.TryGetValue(name, out var value))
            {
                return value;
            }
        }
        return new TemplateValues.Undefined(name);
    }

    /// <summary>Sets a name here, as a loop's own where this is a loop's.</summary>
    public void Set(string name, object? value) => values[name] = value;

    private TemplateScope? Outer { get; } = outer;
}
