namespace PeftSharp.Tokenization.Chat;

/// <summary>Two values and a sign between them; <c>and</c> and <c>or</c> look at the second only where it counts.</summary>
internal sealed record BinaryExpression(int Line, string Sign, Expression Left, Expression Right) : Expression(Line);
