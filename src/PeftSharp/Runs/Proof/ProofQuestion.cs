namespace PeftSharp.Runs.Proof;

/// <summary>One input and what the model answered to it.</summary>
public sealed record ProofQuestion
{
    /// <summary>The built-in sentence; null where there was no tokenizer.</summary>
    public string? Text { get; init; }

    /// <summary>Its token ids, special tokens included.</summary>
    public required IReadOnlyList<int> InputIds { get; init; }

    /// <summary>The answer, flattened; evenly spaced numbers of it where it has more than 64.</summary>
    public IReadOnlyList<float> Logits { get; init; } = [];
}
