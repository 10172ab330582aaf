
namespace PeftSharp.Runs.Recipes;

/// <summary>A text that is no value of its setting; the message is what was expected.</summary>
public sealed class BadValueException(string expected) : Exception(expected);
