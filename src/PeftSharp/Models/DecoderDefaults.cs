namespace PeftSharp.Models;

/// <summary>What a decoder of Llama's kind takes where its configuration leaves a field out: its defaults in transformers.</summary>
internal sealed record DecoderDefaults
{
    /// <summary>Key heads; null (default) for as many as query heads.</summary>
    public int? KeyHeads { get; init; }

    /// <summary>Width of a head; null (default) for the width over the query heads.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Longest sequence of pretraining; default 2048.</summary>
    public int MaxPositions { get; init; } = 2048;

    /// <summary>Activation of the feed-forward block's gate, where <c>hidden_act</c> does not say; default <c>silu</c>.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>Added to the mean of squares in norms; default 1e-6.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>True if the output head is the embedding table; default false.</summary>
    public bool TiedHead { get; init; }

    /// <summary>True if a part of a head's numbers may go without rotary positions (<c>partial_rotary_factor</c>); default false.</summary>
    public bool PartialRotary { get; init; }

    /// <summary>True if checkpoints name Python code (<c>auto_map</c>) that transformers has taken in since; default false.</summary>
    public bool MayNameCode { get; init; }
}
