using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Partial.Surgical;

/// <summary>Settings of surgical fine-tuning (Lee et al. 2022, arXiv 2210.11466).</summary>
public sealed record SurgicalOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "SURGICAL";

    /// <summary>
    /// How many blocks are trained: those with the largest relative gradient norm among the layers, the embeddings and what stands above
    /// the layers; 1 or more. Null (default): all, each tensor at a rate in proportion to its own (Auto-RGN).
    /// </summary>
    [JsonPropertyName("blocks")]
    public int? Blocks { get; init; }

    /// <summary>How many training examples the gradient is computed from at most, 1 or more; default 256.</summary>
    [JsonPropertyName("examples")]
    public int Examples { get; init; } = 256;

    /// <summary>
    /// The blocks that are trained, by path (<c>embeddings</c> and <c>above</c> for those outside the layers); null (default) where they
    /// are still to be found. Saved adapters have them.
    /// </summary>
    [JsonPropertyName("chosen_blocks")]
    public IReadOnlyList<string>? Chosen { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Blocks is < 1) throw Bad("blocks", Blocks, "null or 1 or more");
        if (Examples < 1) throw Bad("examples", Examples, "1 or more");
        if (Chosen is { Count: 0 }) throw Bad("chosen_blocks", "empty", "null or at least one block");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new SurgicalMethod(name, this);
}
