namespace PeftSharp.Tokenization.Chat;

/// <summary>What <c>namespace(…)</c> makes: members that a loop may set for what follows it.</summary>
internal sealed record TemplateNamespace(Dictionary<string, object?> Members);
