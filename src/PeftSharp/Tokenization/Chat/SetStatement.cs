namespace PeftSharp.Tokenization.Chat;

/// <summary><c>set</c> of a name, or of a member of a namespace; of an expression or of what is between it and <c>endset</c>.</summary>
internal sealed record SetStatement(int Line, string Name, string? Member, Expression? Value, IReadOnlyList<Statement>? Body)
    : Statement(Line);
