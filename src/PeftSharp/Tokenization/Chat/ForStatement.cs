namespace PeftSharp.Tokenization.Chat;

/// <summary><c>for</c> with its filter and its <c>else</c>.</summary>
internal sealed record ForStatement(
    int Line, IReadOnlyList<string> Names, Expression Over, Expression? Filter, IReadOnlyList<Statement> Body,
        IReadOnlyList<Statement> Otherwise) : Statement(Line);
