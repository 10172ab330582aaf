namespace PeftSharp.Tokenization.Chat;

/// <summary>A dictionary.</summary>
internal sealed record MapExpression(int Line, IReadOnlyList<(Expression Key, Expression Value)> Items) : Expression(Line);
