namespace PeftSharp.Tokenization.Chat;

/// <summary>A member: <c>x.name</c> or <c>x[key]</c>.</summary>
internal sealed record MemberExpression(int Line, Expression Of, Expression Key, bool IsAttribute) : Expression(Line);
