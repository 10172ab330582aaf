namespace PeftSharp.Tokenization.Chat;

/// <summary>A variable.</summary>
internal sealed record NameExpression(int Line, string Name) : Expression(Line);
