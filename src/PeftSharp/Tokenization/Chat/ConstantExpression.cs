namespace PeftSharp.Tokenization.Chat;

/// <summary>A text, a number, a truth value or none.</summary>
internal sealed record ConstantExpression(int Line, object? Value) : Expression(Line);
