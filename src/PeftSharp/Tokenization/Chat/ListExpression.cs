namespace PeftSharp.Tokenization.Chat;

/// <summary>A list or tuple.</summary>
internal sealed record ListExpression(int Line, IReadOnlyList<Expression> Items) : Expression(Line);
