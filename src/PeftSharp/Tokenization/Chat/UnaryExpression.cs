namespace PeftSharp.Tokenization.Chat;

/// <summary><c>not</c> or a minus.</summary>
internal sealed record UnaryExpression(int Line, string Sign, Expression Of) : Expression(Line);
