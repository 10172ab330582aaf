using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Prefix;

/// <summary>Settings of prefix tuning (Li and Liang 2021, arXiv 2101.00190).</summary>
public sealed record PrefixOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "PREFIX_TUNING";

    /// <summary>Number of added keys and values per layer; at least 1; default 20.</summary>
    [JsonPropertyName("num_virtual_tokens")]
    public int VirtualTokens { get; init; } = 20;

    /// <summary>True makes the prefix by a small network over an embedding; default false (trained as it is).</summary>
    [JsonPropertyName("prefix_projection")]
    public bool Projection { get; init; }

    /// <summary>Width of that network's hidden layer; null: the model's width.</summary>
    [JsonPropertyName("encoder_hidden_size")]
    public int? EncoderHidden { get; init; }

    /// <summary>Start of the prefix: null for N(0, 1) as peft, or <c>zero</c>.</summary>
    [JsonPropertyName("init_weights")]
    public string? InitWeights { get; init; }

    /// <summary>Width of all keys of a layer; filled in from the model.</summary>
    [JsonPropertyName("token_dim")]
    public int? TokenDim { get; init; }

    /// <summary>Number of layers; filled in from the model.</summary>
    [JsonPropertyName("num_layers")]
    public int? LayerCount { get; init; }

    /// <summary>Number of key heads; filled in from the model.</summary>
    [JsonPropertyName("num_attention_heads")]
    public int? HeadCount { get; init; }

    /// <summary>1, or 2 in an encoder–decoder; filled in from the model.</summary>
    [JsonPropertyName("num_transformer_submodules")]
    public int? Submodules { get; init; }

    /// <summary>True follows AdapterHub: positions of the real tokens stay, gates and dropout are possible.</summary>
    [JsonIgnore]
    [SettingName("adapterhub_style")]
    public bool HubStyle { get; init; }

    /// <summary>Activation of the network (AdapterHub); default <c>tanh</c>.</summary>
    [JsonIgnore]
    [SettingName("non_linearity")]
    public string NonLinearity { get; init; } = "tanh";

    /// <summary>Dropout of the prefix (AdapterHub); default 0.</summary>
    [JsonIgnore]
    [SettingName("dropout")]
    public double Dropout { get; init; }

    /// <summary>True gates the prefix per sequence (UniPELT); default false.</summary>
    [JsonIgnore]
    [SettingName("use_gating")]
    public bool UseGating { get; init; }

    /// <summary>True uses one gate for keys and values; default true.</summary>
    [JsonIgnore]
    [SettingName("shared_gating")]
    public bool SharedGating { get; init; } = true;

    /// <summary>
    /// True lets a gate average over padded positions too, as AdapterHub does, so that a row's answer depends on the rows beside it;
    /// default false.
    /// </summary>
    [JsonIgnore]
    [SettingName("gate_over_padding")]
    public bool GateOverPadding { get; init; }

    /// <summary>Layers without a prefix (AdapterHub).</summary>
    [JsonIgnore]
    [SettingName("leave_out")]
    public IReadOnlyList<int> LeaveOut { get; init; } = [];

    /// <summary>AdapterHub's own configuration, where the adapter came from one.</summary>
    [JsonIgnore]
    public JsonObject? Hub { get; init; }

    /// <inheritdoc/>
    public override AdapterFormat Format => HubStyle ? AdapterFormat.AdapterHub : AdapterFormat.Peft;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (VirtualTokens is < 1 or > 1 << 16) throw Bad("num_virtual_tokens", VirtualTokens, "a whole number from 1 to 65536");
        if (EncoderHidden is < 1 or > 1 << 20) throw Bad("encoder_hidden_size", EncoderHidden, "a whole number from 1 to 1048576");
        if (InitWeights is not (null or "zero")) throw Bad("init_weights", $"\"{InitWeights}\"", "null or \"zero\"");
        if (!Activation.Names.Contains(NonLinearity.ToLowerInvariant()))
            throw Bad("non_linearity", $"\"{NonLinearity}\"", $"one of {string.Join(", ", Activation.Names)}");
        if (Dropout is not (>= 0 and < 1)) throw Bad("dropout", Dropout, "a probability from 0 to less than 1");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new PrefixMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };

    /// <inheritdoc/>
    internal override MethodOptions AsReference() => UseGating ? this with { GateOverPadding = true } : this;

    /// <inheritdoc/>
    internal override MethodOptions InUnion() => this with { HubStyle = true };
}
