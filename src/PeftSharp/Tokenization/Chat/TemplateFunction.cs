namespace PeftSharp.Tokenization.Chat;

/// <summary>A function or macro.</summary>
internal delegate object? TemplateFunction(TemplateArguments arguments, int line);
