namespace PeftSharp.Tokenization.Chat;

/// <summary>An expression of a template.</summary>
internal abstract record Expression(int Line);
