namespace PeftSharp.Tokenization.Chat;

/// <summary>Text as it stands.</summary>
internal sealed record DataStatement(int Line, TemplateText Text) : Statement(Line);
