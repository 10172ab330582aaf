namespace PeftSharp.Tokenization.Chat;

/// <summary>What a token of a template is.</summary>
internal enum TemplateTokenKind
{
    /// <summary>Text between the marks.</summary>
    Data,

    /// <summary>The beginning of a statement.</summary>
    BlockStart,

    /// <summary>The end of a statement.</summary>
    BlockEnd,

    /// <summary>The beginning of an expression that is written out.</summary>
    OutputStart,

    /// <summary>Its end.</summary>
    OutputEnd,

    /// <summary>A name or a word.</summary>
    Name,

    /// <summary>A text in quotes.</summary>
    Text,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A number with a point.</summary>
    Number,

    /// <summary>A sign.</summary>
    Sign,

    /// <summary>The end of the template.</summary>
    End,
}
