namespace PeftSharp.Tokenization.Chat;

/// <summary>A filter: <c>x | name(…)</c>.</summary>
internal sealed record FilterExpression(int Line, Expression Of, string Name, CallArguments Arguments) : Expression(Line);
