using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prompt;

/// <summary>Prompt tuning: trained vectors before the sequence.</summary>
internal sealed class PromptMethod(string name, PromptOptions options) : PeftMethod(name)
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
        Layouts = [new PromptPeft(), new PromptAdapterHub()],
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        // peft counts and saves a prompt for the decoder as well, and then lets it read none: it stays as it starts.
        var inputs = host.Sites.Inputs;
        if (_options.HubStyle && inputs.Count > 1)
            throw new PeftException("PROMPT_TUNING: AdapterHub has no prompts for an encoder with a decoder, and peft has; take peft's.");
        var attention = host.Sites.Attentions[0];
        var layers = host.Sites.Attentions.Count(a => a.Kind == attention.Kind && a.Place.Stack == attention.Place.Stack);
        // Where embeddings are narrower than the layers, what stands among words is as wide as they are.
        var width = _options.HubStyle ? host.Width : (int)host.Sites.Embeddings[0].Dim;
        _options = _options with
        {
            TokenDim = width,
            LayerCount = layers,
            HeadCount = attention.Heads,
            Submodules = inputs.Count,
            ModulesToSave = ModulesWithHead(_options.ModulesToSave),
        };
        var (each, stage) = (_options.VirtualTokens, _options.HubStyle ? InputStage.Embedded : InputStage.Words);
        var prompt = Add(
            "", _options.HubStyle ? "prompt_embedding.weight" : "embedding.weight", [each * inputs.Count, width],
            () => Start(host, each * inputs.Count, width));
        Plug(inputs[0].Plugins, new PromptInput(prompt, each, stage, _options.AfterFirst));
        TrainModules(_options.ModulesToSave);
    }

    private Tensor Start(MethodHost host, int tokens, int width)
    {
        var words = host.Sites.Embeddings[0];
        switch (_options.Init)
        {
            case "TEXT":
                if (_options.InitTokens is not { Count: > 0 } text)
                    throw new PeftException(
                        "PROMPT_TUNING: the \"TEXT\" start needs the text's token ids; train with a tokenizer beside the model, or "
                        + "set InitTokens.");
                return words.Table.Base.index_select(
                    0,
                    tensor(
                        Enumerable.Range(0, tokens).Select(i => (long)text[i % text.Count]).ToArray(), ScalarType.Int64,
                        device: host.Device));
            case "SAMPLE_VOCAB":
                var draw = Initial.Uniform([tokens], 0.5, SeedOf("prompt"))
                    .Plus(0.5)
                    .Times(words.Vocabulary)
                    .to(ScalarType.Int64)
                    .AtLeast(0L)
                    .AtMost(words.Vocabulary - 1);
                return words.Table.Base.index_select(0, draw.to(host.Device));
            case "UNIFORM":
                return Initial.Uniform([tokens, width], 0.5, SeedOf("prompt"));
            default:
                return Initial.Normal([tokens, width], 1, SeedOf("prompt"));
        }
    }
}
