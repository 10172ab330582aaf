namespace PeftSharp.Tokenization.Chat;

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed record LeaveStatement(int Line, bool IsBreak) : Statement(Line);
