namespace PeftSharp.Tokenization.Chat;

/// <summary><c>a if condition else b</c>.</summary>
internal sealed record ChoiceExpression(int Line, Expression Condition, Expression Then, Expression? Otherwise) : Expression(Line);
