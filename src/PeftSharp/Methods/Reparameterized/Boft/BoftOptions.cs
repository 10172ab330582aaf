using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.Boft;

/// <summary>Settings of BOFT (Liu et al. 2024, arXiv 2311.06243).</summary>
public sealed record BoftOptions : ExcludingOptions
{
    /// <inheritdoc/>
    public override string PeftType => "BOFT";

    /// <summary>
    /// Size of the blocks, a divisor of the width of a map's input; 0 where <c>boft_block_num</c> is given instead; default 4.
    /// </summary>
    [JsonPropertyName("boft_block_size")]
    public int BlockSize { get; init; } = 4;

    /// <summary>
    /// Number of blocks of each map, a divisor of the width of its input; 0 (default) where <c>boft_block_size</c> is given instead.
    /// </summary>
    [JsonPropertyName("boft_block_num")]
    public int Blocks { get; init; }

    /// <summary>
    /// Number of butterfly factors, from 1 (OFT with factors of the outputs) to 16; default 1. peft without its CUDA kernel trains and
    /// saves one whatever is asked: say 1 to read such a file.
    /// </summary>
    [JsonPropertyName("boft_n_butterfly_factor")]
    public int Factors { get; init; } = 1;

    /// <summary>Share of the blocks of one factor of a map that do nothing in a training step; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("boft_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>True (default) starts as the base; false starts from random turns and factors.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        if (Blocks is < 0 or > 1 << 20) throw Bad("boft_block_num", Blocks, "a whole number from 0 to 1048576");
        if (BlockSize is < 0 or > 1 << 14) throw Bad("boft_block_size", BlockSize, "a whole number from 0 to 16384");
        if ((Blocks == 0) == (BlockSize == 0))
            throw Bad(
                "boft_block_size", BlockSize, $"0 where \"boft_block_num\" says the number of blocks, and only there; that is {Blocks}");
        if (Factors is < 1 or > 16) throw Bad("boft_n_butterfly_factor", Factors, "a whole number from 1 to 16");
        ValidateDropout("boft_dropout", Dropout);
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new BoftMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none", ["fan_in_fan_out"] = AreTransposed };
}
