using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>
/// What an answer depends on besides tensors. It is kept inside the file of an adapter's tensors, and in a model's <c>config.json</c>, so
/// that it cannot be lost apart from them; docs/formats.md describes it on disk.
/// </summary>
public sealed record AnswerCard
{
    /// <summary>Its key in the metadata of a safetensors file and in <c>config.json</c>.</summary>
    public const string Key = "peftsharp";

    /// <summary>What is answered.</summary>
    public required TaskKind Task { get; init; }

    /// <summary>Names of the classes in the order of the outputs; null where they have none.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>How a sequence becomes one vector.</summary>
    public Pooling Pooling { get; init; } = Pooling.Pooler;

    /// <summary>True if rows are pairs of texts, false if they are single texts; null where nobody knows (rows of token ids).</summary>
    public bool? Pairs { get; init; }

    /// <summary>Most tokens a row in training, special tokens included; null where nobody knows.</summary>
    public int? MaxLength { get; init; }

    /// <summary>How the base was quantised in training: an adapter answers for that base; null for as it is.</summary>
    public Quantization? Quantize { get; init; }

    /// <summary>Columns of the data that it was trained on; null where rows had none.</summary>
    public TrainedColumns? Columns { get; init; }

    /// <summary>True if a tokenizer made the token ids of training, false if the rows came as ids; null where nobody knows.</summary>
    public bool? Tokenizer { get; init; }

    /// <summary>
    /// True if the pooling is another one than that of Hugging Face's class for sequences; other heads than BERT's read the first token
    /// anyway.
    /// </summary>
    internal bool IsApart(string modelType) =>
        Task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression
            && (Pooling == Pooling.Mean || Pooling == Pooling.Cls && Architectures.Find(modelType)?.ReadsPooler == true);

    /// <summary>The card as JSON text, one line.</summary>
    public string ToJson() => AnswerCardJson.Write(this).ToJsonString(AnswerCardJson.OneLine);

    /// <summary>Reads a card.</summary>
    /// <param name="json">The text.</param>
    /// <param name="place">Where it stands, for messages.</param>
    /// <exception cref="PeftException">The text is no card: a field is unknown, missing, twice there or of another kind.</exception>
    public static AnswerCard Parse(string json, string place) => AnswerCardJson.Read(json, place);
}
