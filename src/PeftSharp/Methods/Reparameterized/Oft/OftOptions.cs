using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.Oft;

/// <summary>Settings of OFT (Qiu et al. 2023, arXiv 2306.07280).</summary>
public sealed record OftOptions : ExcludingOptions
{
    /// <inheritdoc/>
    public override string PeftType => "OFT";

    /// <summary>
    /// Number of blocks of each map, 0 (default) where <c>oft_block_size</c> is given instead. Where it does not divide the width of a
    /// map's input, the nearest divisor is taken, as peft does.
    /// </summary>
    [JsonPropertyName("r")]
    public int Blocks { get; init; }

    /// <summary>
    /// Size of the blocks, 0 where <c>r</c> is given instead; default 32. Where it does not divide the width of a map's input, the nearest
    /// divisor is taken, as peft does.
    /// </summary>
    [JsonPropertyName("oft_block_size")]
    public int BlockSize { get; init; } = 32;

    /// <summary>Share of the blocks of a map that do nothing in a training step; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("module_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double ModuleDropout { get; init; }

    /// <summary>True (default) starts as the base; false starts from random turns.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <summary>True keeps every turn near the identity (constrained OFT); default false.</summary>
    [JsonPropertyName("coft")]
    public bool Constrained { get; init; }

    /// <summary>How near: the norm of a block's Q is at most eps / √blocks; above 0; default 6e-5.</summary>
    [JsonPropertyName("eps")]
    [JsonConverter(typeof(FloatConverter))]
    public double Epsilon { get; init; } = 6e-5;

    /// <summary>True lets one block serve the whole width of a map; default false.</summary>
    [JsonPropertyName("block_share")]
    public bool SharesBlock { get; init; }

    /// <summary>True (default) computes turns as a sum of powers that is cut off, fast but not quite orthogonal; false exactly.</summary>
    [JsonPropertyName("use_cayley_neumann")]
    public bool UseNeumann { get; init; } = true;

    /// <summary>Terms of that sum; from 2 to 64; default 5.</summary>
    [JsonPropertyName("num_cayley_neumann_terms")]
    public int NeumannTerms { get; init; } = 5;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        if (Blocks is < 0 or > 1 << 20) throw Bad("r", Blocks, "a whole number from 0 to 1048576");
        if (BlockSize is < 0 or > 1 << 14) throw Bad("oft_block_size", BlockSize, "a whole number from 0 to 16384");
        if ((Blocks == 0) == (BlockSize == 0))
            throw Bad("oft_block_size", BlockSize, $"0 where \"r\" says the number of blocks, and only there; \"r\" is {Blocks}");
        ValidateDropout("module_dropout", ModuleDropout);
        if (Epsilon is not (> 0 and <= 1000)) throw Bad("eps", Epsilon, "a number above 0, up to 1000");
        if (NeumannTerms is < 2 or > 64) throw Bad("num_cayley_neumann_terms", NeumannTerms, "a whole number from 2 to 64");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new OftMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none", ["fan_in_fan_out"] = AreTransposed };
}
