using System.Reflection;
using System.Text.Encodings.Web;

namespace PeftSharp.Runs.Recipes;

/// <summary>One setting of a method.</summary>
/// <param name="Name">Its JSON name.</param>
/// <param name="Property">Where it is kept.</param>
/// <param name="Part">Which part of a union has it; null for the method itself.</param>
public sealed record MethodSetting(string Name, PropertyInfo Property, int? Part = null);
