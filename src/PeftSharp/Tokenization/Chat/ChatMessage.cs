namespace PeftSharp.Tokenization.Chat;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: <c>system</c>, <c>user</c>, <c>assistant</c>, <c>tool</c> … (see <see cref="ChatTemplate.Roles"/>).</param>
/// <param name="Content">What is said; special tokens that it spells stay plain text.</param>
public sealed record ChatMessage(string Role, string Content);
