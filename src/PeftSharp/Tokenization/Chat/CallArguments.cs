namespace PeftSharp.Tokenization.Chat;

/// <summary>Arguments by place and by name.</summary>
internal sealed record CallArguments(IReadOnlyList<Expression> Places, IReadOnlyList<(string Name, Expression Value)> Names)
{
    /// <summary>None.</summary>
    public static CallArguments None { get; } = new([], []);
}
