namespace PeftSharp.Methods;

/// <summary>
/// Names a setting that peft's files have no place for, so that recipes and <c>--set</c> reach it; AdapterHub's name where it has the
/// setting.
/// </summary>
/// <param name="name">The name.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingNameAttribute(string name) : Attribute
{
    /// <summary>The name.</summary>
    public string Name { get; } = name;
}
