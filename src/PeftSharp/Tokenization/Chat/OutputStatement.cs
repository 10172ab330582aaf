namespace PeftSharp.Tokenization.Chat;

/// <summary>An expression that is written out.</summary>
internal sealed record OutputStatement(int Line, Expression Value) : Statement(Line);
