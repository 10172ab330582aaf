namespace PeftSharp.Tokenization.Chat;

/// <summary>A part: <c>x[from:to:step]</c>.</summary>
internal sealed record SliceExpression(int Line, Expression Of, Expression? From, Expression? To, Expression? Step) : Expression(Line);
