namespace PeftSharp.Tokenization;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: <c>system</c>, <c>user</c>, <c>assistant</c>, or what else a template knows.</param>
/// <param name="Content">What is said.</param>
public sealed record ChatMessage(string Role, string Content)
{
    /// <summary>Instructions that come before a conversation.</summary>
    public const string System = "system";

    /// <summary>Who asks.</summary>
    public const string User = "user";

    /// <summary>Who answers: the model.</summary>
    public const string Assistant = "assistant";
}
