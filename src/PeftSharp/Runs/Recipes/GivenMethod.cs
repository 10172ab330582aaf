using PeftSharp.Methods;

namespace PeftSharp.Runs.Recipes;

/// <summary>A method that a program gives as an object, as a recipe would have it: a run that was cut off is taken up from a recipe.</summary>
internal static class GivenMethod
{
    /// <summary>Makes it the method of a run.</summary>
    /// <exception cref="PeftException">A value is out of range, or no registered method has such settings.</exception>
    public static void Apply(TrainSettings settings, MethodOptions options)
    {
        options.Validate();
        var info = MethodRegistry.ByPeftType(options.PeftType) ?? throw new PeftException($"No registered method has settings of the type {options.PeftType}; add it to the registry.");
        settings.MethodOptions = options;
        TrainKeys.Find("method")!.Apply(settings, info.Name, "method");
        var defaults = info.CreateOptions();
        settings.MethodSettings.Clear();
        foreach (var setting in MethodSettings.Of(options.GetType()))
        {
            var (value, usual) = (MethodSettings.Value(options, setting)?.ToJsonString(), MethodSettings.Value(defaults, setting)?.ToJsonString());
            if (value != usual) settings.MethodSettings[setting.Name] = value ?? "null";
        }
    }
}
