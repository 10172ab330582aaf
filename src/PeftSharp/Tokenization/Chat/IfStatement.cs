namespace PeftSharp.Tokenization.Chat;

/// <summary><c>if</c>, its <c>elif</c> and its <c>else</c> (without a condition).</summary>
internal sealed record IfStatement(int Line, IReadOnlyList<(Expression? Condition, IReadOnlyList<Statement> Body)> Branches)
    : Statement(Line);
