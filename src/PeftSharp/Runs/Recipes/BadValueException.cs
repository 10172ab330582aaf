
namespace PeftSharp.Runs.Recipes;

/// <summary>A text that is no value of its setting; the message is what was expected.</summary>
internal sealed class BadValueException(string expected) : Exception(expected);
