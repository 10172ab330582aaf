namespace PeftSharp.Tokenization.Chat;

/// <summary>A statement of a template.</summary>
internal abstract record Statement(int Line);

/// <summary>Text as it stands.</summary>
internal sealed record DataStatement(int Line, TemplateText Text) : Statement(Line);

/// <summary>An expression that is written out.</summary>
internal sealed record OutputStatement(int Line, Expression Value) : Statement(Line);

/// <summary><c>if</c>, its <c>elif</c> and its <c>else</c> (without a condition).</summary>
internal sealed record IfStatement(int Line, IReadOnlyList<(Expression? Condition, IReadOnlyList<Statement> Body)> Branches)
    : Statement(Line);

/// <summary><c>for</c> with its filter and its <c>else</c>.</summary>
internal sealed record ForStatement(
    int Line, IReadOnlyList<string> Names, Expression Over, Expression? Filter, IReadOnlyList<Statement> Body,
        IReadOnlyList<Statement> Otherwise) : Statement(Line);

/// <summary><c>set</c> of a name, or of a member of a namespace; of an expression or of what is between it and <c>endset</c>.</summary>
internal sealed record SetStatement(int Line, string Name, string? Member, Expression? Value, IReadOnlyList<Statement>? Body)
    : Statement(Line);

/// <summary><c>macro</c>.</summary>
internal sealed record MacroStatement(int Line, string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters,
    IReadOnlyList<Statement> Body) : Statement(Line);

/// <summary>Statements in a row (<c>generation</c>).</summary>
internal sealed record GroupStatement(int Line, IReadOnlyList<Statement> Body) : Statement(Line);

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed record LeaveStatement(int Line, bool IsBreak) : Statement(Line);

/// <summary>An expression of a template.</summary>
internal abstract record Expression(int Line);

/// <summary>A text, a number, a truth value or none.</summary>
internal sealed record ConstantExpression(int Line, object? Value) : Expression(Line);

/// <summary>A variable.</summary>
internal sealed record NameExpression(int Line, string Name) : Expression(Line);

/// <summary>A list or tuple.</summary>
internal sealed record ListExpression(int Line, IReadOnlyList<Expression> Items) : Expression(Line);

/// <summary>A dictionary.</summary>
internal sealed record MapExpression(int Line, IReadOnlyList<(Expression Key, Expression Value)> Items) : Expression(Line);

/// <summary>A member: <c>x.name</c> or <c>x[key]</c>.</summary>
internal sealed record MemberExpression(int Line, Expression Of, Expression Key, bool IsAttribute) : Expression(Line);

/// <summary>A part: <c>x[from:to:step]</c>.</summary>
internal sealed record SliceExpression(int Line, Expression Of, Expression? From, Expression? To, Expression? Step) : Expression(Line);

/// <summary>A call of a function or method.</summary>
internal sealed record CallExpression(int Line, Expression Function, CallArguments Arguments) : Expression(Line);

/// <summary>A filter: <c>x | name(…)</c>.</summary>
internal sealed record FilterExpression(int Line, Expression Of, string Name, CallArguments Arguments) : Expression(Line);

/// <summary>A test: <c>x is name</c>.</summary>
internal sealed record TestExpression(int Line, Expression Of, string Name, CallArguments Arguments, bool Negated) : Expression(Line);

/// <summary><c>not</c> or a minus.</summary>
internal sealed record UnaryExpression(int Line, string Sign, Expression Of) : Expression(Line);

/// <summary>Two values and a sign between them; <c>and</c> and <c>or</c> look at the second only where it counts.</summary>
internal sealed record BinaryExpression(int Line, string Sign, Expression Left, Expression Right) : Expression(Line);

/// <summary><c>a if condition else b</c>.</summary>
internal sealed record ChoiceExpression(int Line, Expression Condition, Expression Then, Expression? Otherwise) : Expression(Line);

/// <summary>Arguments by place and by name.</summary>
internal sealed record CallArguments(IReadOnlyList<Expression> Places, IReadOnlyList<(string Name, Expression Value)> Names)
{
    /// <summary>None.</summary>
    public static CallArguments None { get; } = new([], []);
}
