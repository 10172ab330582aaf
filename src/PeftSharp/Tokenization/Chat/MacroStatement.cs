namespace PeftSharp.Tokenization.Chat;

/// <summary><c>macro</c>.</summary>
internal sealed record MacroStatement(int Line, string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters,
    IReadOnlyList<Statement> Body) : Statement(Line);
