using PeftSharp.Sites;

namespace PeftSharp.Models.Heads;

/// <summary>What a model is asked for.</summary>
public enum TaskKind
{
    /// <summary>A sentence vector; no head.</summary>
    Embedding,
    /// <summary>One of several classes.</summary>
    Classification,
    /// <summary>Any number of several classes at once, each with a probability of its own (a sigmoid).</summary>
    MultiLabel,
    /// <summary>A number.</summary>
    Regression,
    /// <summary>A class for each token.</summary>
    TokenClassification,
    /// <summary>The start and end of an answer.</summary>
    QuestionAnswering,
    /// <summary>The next token.</summary>
    CausalLanguage,
    /// <summary>The tokens of an answer to a text (encoder and decoder).</summary>
    SequenceToSequence,
}
