using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>Settings of the LoftQ start (Li et al. 2023, arXiv 2310.08659).</summary>
public sealed record LoftqOptions
{
    /// <summary>Bits of a quantised weight; 4 (default): NF4.</summary>
    [JsonPropertyName("loftq_bits")]
    public int Bits { get; init; } = 4;

    /// <summary>Rounds of quantising and factoring; from 1 to 100; default 1.</summary>
    [JsonPropertyName("loftq_iter")]
    public int Rounds { get; init; } = 1;

    /// <summary>
    /// Weights that share a scale; a power of two from 32 to 4096; null (default): 64. A saved adapter names it, and so says that it brings
    /// its base along.
    /// </summary>
    [JsonPropertyName("loftq_block_size")]
    public int? BlockSize { get; init; }

    /// <summary>Fields that this library does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; init; }
}
