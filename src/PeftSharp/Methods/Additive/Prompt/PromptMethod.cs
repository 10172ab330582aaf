using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Interop;
using PeftSharp.Methods.Json;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prompt;

/// <summary>Settings of prompt tuning (Lester et al. 2021, arXiv 2104.08691).</summary>
public sealed record PromptOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "PROMPT_TUNING";

    /// <summary>Number of trained vectors before the sequence; at least 1; default 20.</summary>
    [JsonPropertyName("num_virtual_tokens")]
    public int VirtualTokens { get; init; } = 20;

    /// <summary>Start: <c>RANDOM</c> N(0, 1) (default), <c>SAMPLE_VOCAB</c> (rows of the word table), or <c>TEXT</c> (the rows of a text's tokens).</summary>
    [JsonPropertyName("prompt_tuning_init")]
    public string Init { get; init; } = "RANDOM";

    /// <summary>The text of the <c>TEXT</c> start.</summary>
    [JsonPropertyName("prompt_tuning_init_text")]
    public string? InitText { get; init; }

    /// <summary>The text's token ids, special tokens included, as peft has them; <see cref="WithTokens"/> fills them in.</summary>
    [JsonIgnore]
    public IReadOnlyList<int>? InitTokens { get; init; }

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

    /// <summary>Where the tokenizer of the <c>TEXT</c> start is.</summary>
    [JsonPropertyName("tokenizer_name_or_path")]
    public string? Tokenizer { get; init; }

    /// <summary>True follows AdapterHub: the vectors stand before the finished embeddings, without positions.</summary>
    [JsonIgnore]
    public bool HubStyle { get; init; }

    /// <summary>AdapterHub's own configuration, where the adapter came from one.</summary>
    [JsonIgnore]
    public JsonObject? Hub { get; init; }

    /// <inheritdoc/>
    public override AdapterFormat Format => HubStyle ? AdapterFormat.AdapterHub : AdapterFormat.Peft;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (VirtualTokens is < 1 or > 1 << 16) throw Bad("num_virtual_tokens", VirtualTokens, "a whole number from 1 to 65536");
        if (Init is not ("RANDOM" or "SAMPLE_VOCAB" or "TEXT" or "UNIFORM")) throw Bad("prompt_tuning_init", $"\"{Init}\"", "\"RANDOM\", \"SAMPLE_VOCAB\" or \"TEXT\"");
        if (Init == "TEXT" && string.IsNullOrEmpty(InitText)) throw Bad("prompt_tuning_init_text", InitText, "the text of the \"TEXT\" start");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new PromptMethod(name, this);

    /// <inheritdoc/>
    public override MethodOptions WithTokens(Func<string, IReadOnlyList<int>> tokenize) =>
        Init == "TEXT" && InitTokens is null && !string.IsNullOrEmpty(InitText) ? this with { InitTokens = tokenize(InitText) } : this;

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["tokenizer_kwargs"] = null };

    /// <inheritdoc/>
    public override JsonObject ToAdapterHub()
    {
        if (!HubStyle) throw new PeftException("PROMPT_TUNING: peft's prompts get positions and AdapterHub's do not, so they cannot be saved in the AdapterHub format; save in the peft format.");
        var json = (JsonObject?)Hub?.DeepClone() ?? new JsonObject
        {
            ["architecture"] = "prompt_tuning",
            ["combine"] = "prefix",
            ["init_weights_seed"] = null,
            ["prompt_init"] = "random_uniform",
            ["prompt_init_text"] = null,
        };
        json["prompt_length"] = VirtualTokens;
        Literals.Keep(json, Hub);
        return json;
    }

    internal static MethodOptions? FromAdapterHub(JsonObject config)
    {
        if (config["architecture"]?.ToString() != "prompt_tuning") return null;
        if (config["combine"]?.ToString() is { } combine && combine != "prefix")
            throw new PeftException($"PROMPT_TUNING: \"combine\" is \"{combine}\"; only \"prefix\" is supported.");
        return new PromptOptions { HubStyle = true, Init = "UNIFORM", VirtualTokens = config["prompt_length"]?.GetValue<int>() ?? 10, Hub = config };
    }
}

/// <summary>Prompt tuning: trained vectors before the sequence.</summary>
public sealed class PromptMethod(string name, PromptOptions options) : PeftMethod(name)
{
    private PromptOptions _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "prompt",
        Aliases = ["prompt_tuning", "prompt-tuning"],
        Family = MethodFamily.Additive,
        PeftType = "PROMPT_TUNING",
        Paper = "Lester et al. 2021, arXiv 2104.08691",
        Sites = "input",
        Summary = "Trained vectors before the sequence.",
        Formula = "the model reads [P; E(tokens)], P trained: num_virtual_tokens vectors of its width",
        OptionsType = typeof(PromptOptions),
        FromAdapterHub = PromptOptions.FromAdapterHub,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        if (host.Sites.Inputs.Count > 1)
            throw new PeftException("PROMPT_TUNING: the model has an encoder and a decoder, which would each need a prompt; that is not supported yet: take lora or prefix.");
        var attention = host.Sites.Attentions[0];
        _options = _options with { TokenDim = host.Width, LayerCount = host.Sites.Attentions.Count, HeadCount = attention.Heads, Submodules = 1, ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var prompt = Add("", _options.HubStyle ? "prompt_embedding.weight" : "embedding.weight", [_options.VirtualTokens, host.Width], () => Start(host));
        Plug(host.Sites.Inputs[0].Plugins, new PromptInput(prompt, _options.VirtualTokens, _options.HubStyle ? InputStage.Embedded : InputStage.Words));
        TrainModules(_options.ModulesToSave);
    }

    private Tensor Start(MethodHost host)
    {
        var (tokens, words) = (_options.VirtualTokens, host.Sites.Embeddings[0]);
        switch (_options.Init)
        {
            case "TEXT":
                if (_options.InitTokens is not { Count: > 0 } text)
                    throw new PeftException("PROMPT_TUNING: the \"TEXT\" start needs the text's token ids; train with a tokenizer beside the model, or set InitTokens.");
                return words.Table.Base.index_select(0, tensor(Enumerable.Range(0, tokens).Select(i => (long)text[i % text.Count]).ToArray(), ScalarType.Int64, device: host.Device));
            case "SAMPLE_VOCAB":
                var draw = Initial.Uniform([tokens], 0.5, SeedOf("prompt")).Plus(0.5).Times(words.Vocabulary).to(ScalarType.Int64).AtLeast(0L).AtMost(words.Vocabulary - 1);
                return words.Table.Base.index_select(0, draw.to(host.Device));
            case "UNIFORM":
                return Initial.Uniform([tokens, host.Width], 0.5, SeedOf("prompt"));
            default:
                return Initial.Normal([tokens, host.Width], 1, SeedOf("prompt"));
        }
    }

    /// <inheritdoc/>
    public override string? SavedName(AdapterTensor tensor, AdapterFormat format) => format == AdapterFormat.Peft
        ? _options.HubStyle
            ? throw new PeftException("PROMPT_TUNING: AdapterHub's prompts get no positions and peft's do, so they cannot be saved in the peft format; save them in the AdapterHub format.")
            : tensor.SavedModule ? $"base_model.{tensor.Name}" : "prompt_embeddings"
        : tensor.SavedModule ? null : $"{Host.BasePrefix}prompt_tuning.prompt_tunings.{Name}.{tensor.Local}";

    /// <inheritdoc/>
    public override string ReferenceName(AdapterTensor tensor, AdapterFormat format) =>
        format == AdapterFormat.Peft && !tensor.SavedModule ? $"prompt_encoder.{tensor.Local}" : base.ReferenceName(tensor, format);
}

/// <summary>The vectors at the input.</summary>
internal sealed class PromptInput(AdapterTensor prompt, int length, InputStage stage) : IInputPlugin
{
    public InputStage Stage => stage;

    public int Length => length;

    public Tensor Vectors(ForwardContext context) => prompt.Get(context);
}
