namespace PeftSharp.Tokenization.Chat;

/// <summary>A call of a function or method.</summary>
internal sealed record CallExpression(int Line, Expression Function, CallArguments Arguments) : Expression(Line);
