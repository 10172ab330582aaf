namespace PeftSharp.Tokenization.Chat;

/// <summary>A statement of a template.</summary>
internal abstract record Statement(int Line);
