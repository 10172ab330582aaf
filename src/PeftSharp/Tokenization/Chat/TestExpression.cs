namespace PeftSharp.Tokenization.Chat;

/// <summary>A test: <c>x is name</c>.</summary>
internal sealed record TestExpression(int Line, Expression Of, string Name, CallArguments Arguments, bool Negated) : Expression(Line);
