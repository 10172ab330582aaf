using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>Settings of P-tuning (Liu et al. 2021, arXiv 2103.10385).</summary>
public sealed record PTuningOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "P_TUNING";

    /// <summary>Number of vectors before the sequence; 1 to 65536; default 20.</summary>
    [JsonPropertyName("num_virtual_tokens")]
    public int VirtualTokens { get; init; } = 20;

    /// <summary>
    /// The network that makes them from an embedding: <c>MLP</c> (default; three maps) or <c>LSTM</c> (both directions, then two maps).
    /// </summary>
    [JsonPropertyName("encoder_reparameterization_type")]
    public string Encoder { get; init; } = "MLP";

    /// <summary>Width of its hidden layers, for an LSTM of each direction; null (default): the model's width.</summary>
    [JsonPropertyName("encoder_hidden_size")]
    public int? EncoderHidden { get; init; }

    /// <summary>Layers of the LSTM; 1 to 64; default 2. An MLP always has three.</summary>
    [JsonPropertyName("encoder_num_layers")]
    public int EncoderLayers { get; init; } = 2;

    /// <summary>Dropout between the LSTM's layers; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("encoder_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double EncoderDropout { get; init; }

    /// <summary>Width of a vector; filled in from the model.</summary>
    [JsonPropertyName("token_dim")]
    public int? TokenDim { get; init; }

    /// <summary>Number of layers; filled in from the model.</summary>
    [JsonPropertyName("num_layers")]
    public int? LayerCount { get; init; }

    /// <summary>Number of heads; filled in from the model.</summary>
    [JsonPropertyName("num_attention_heads")]
    public int? HeadCount { get; init; }

    /// <summary>1, or 2 in an encoder–decoder; filled in from the model.</summary>
    [JsonPropertyName("num_transformer_submodules")]
    public int? Submodules { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (VirtualTokens is < 1 or > 1 << 16) throw Bad("num_virtual_tokens", VirtualTokens, "a whole number from 1 to 65536");
        if (EncoderHidden is < 1 or > 1 << 20) throw Bad("encoder_hidden_size", EncoderHidden, "a whole number from 1 to 1048576");
        if (EncoderLayers is < 1 or > 64) throw Bad("encoder_num_layers", EncoderLayers, "a whole number from 1 to 64");
        if (EncoderDropout is not (>= 0 and < 1)) throw Bad("encoder_dropout", EncoderDropout, "a probability from 0 to less than 1");
        if (Encoder is not ("MLP" or "LSTM")) throw Bad("encoder_reparameterization_type", $"\"{Encoder}\"", "\"MLP\" or \"LSTM\"");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new PTuningMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };
}
