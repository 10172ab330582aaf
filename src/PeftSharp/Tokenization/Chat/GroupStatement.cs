namespace PeftSharp.Tokenization.Chat;

/// <summary>Statements in a row (<c>generation</c>).</summary>
internal sealed record GroupStatement(int Line, IReadOnlyList<Statement> Body) : Statement(Line);
