namespace PeftSharp.Tokenization.Chat;

/// <summary>Something that a value does not do; the line is added where it is known.</summary>
internal sealed class TemplateFailure(string problem) : Exception(problem);
