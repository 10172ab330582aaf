namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>What a piece of a SentencePiece model is, with its numbers in the file (GGUF has the same).</summary>
internal enum PieceKind
{
    /// <summary>Learnt from text.</summary>
    Normal = 1,

    /// <summary>Stands for what no piece covers.</summary>
    Unknown = 2,

    /// <summary>Never found in a text, such as <c>&lt;s&gt;</c>.</summary>
    Control = 3,

    /// <summary>Set by the maker and found whole.</summary>
    UserDefined = 4,

    /// <summary>Not to be used.</summary>
    Unused = 5,

    /// <summary>A byte of a character that no piece covers.</summary>
    Byte = 6,
}
