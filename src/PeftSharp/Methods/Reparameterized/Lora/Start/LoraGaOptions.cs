using System.Text.Json;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>Settings of the LoRA-GA start (Wang et al. 2024, arXiv 2407.05000).</summary>
public sealed record LoraGaOptions
{
    /// <summary>
    /// Which singular vectors of the gradient the factors take: <c>ArB2r</c> (default: A the first r, B the next r), <c>A2rBr</c> (the
    /// reverse) or
    /// <c>ArBr</c> (A the odd of the first 2r, B the even).
    /// </summary>
    [JsonPropertyName("direction")]
    public string Direction { get; init; } = "ArB2r";

    /// <summary>
    /// Their size: <c>stable</c> (default: out^¼ / √gamma each, so that the size of what the layer yields does not depend on its width), or
    /// <c>unit</c>.
    /// </summary>
    [JsonPropertyName("scale")]
    public string Scale { get; init; } = "stable";

    /// <summary>The gamma of <c>stable</c>; above 0; default 16.</summary>
    [JsonPropertyName("stable_gamma")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double StableGamma { get; init; } = 16;

    /// <summary>Training examples that the gradient is averaged over; 1 or more; default 64.</summary>
    [JsonPropertyName("examples")]
    public int Examples { get; init; } = 64;

    /// <summary>Fields that this library does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; init; }
}
