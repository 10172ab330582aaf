using PeftSharp.Methods;

namespace PeftSharp.Runs.Recipes;

/// <summary>Methods by any of their names: name, alias, preset, or <c>peft_type</c>.</summary>
public static class MethodName
{
    /// <summary>The settings that a name stands for.</summary>
    public static MethodOptions Options(string name)
    {
        if (UnionExpression.Is(name)) return UnionExpression.Parse(name);
        if (MethodRegistry.ByPeftType(name) is { } method) return method.CreateOptions();
        string[] known = [.. MethodRegistry.All.SelectMany(m => m.Aliases.Concat(m.Presets.Keys).Prepend(m.Name))];
        return known.Contains(name, StringComparer.OrdinalIgnoreCase)
            ? MethodRegistry.Options(name)
            : throw new SettingsException($"there is no method \"{name}\"; {Nearest.Hint(name, known)}\"peft methods\" lists them.");
    }
}
