
namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>What becomes of a separator, under the names of tokenizer.json.</summary>
internal enum Separator
{
    /// <summary>A piece of its own.</summary>
    Isolated,

    /// <summary>Dropped.</summary>
    Removed,

    /// <summary>The end of the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>The beginning of the piece after it.</summary>
    MergedWithNext,
}
