using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>GPT-2 (Radford et al. 2019): learned positions, one fused map for queries, keys and values.</summary>
internal sealed class Gpt2Model : DecoderModel
{
    private readonly Gpt2Config _shape;
    private readonly InputSite _input;
    private readonly EmbeddingSite _words, _positions;
    private readonly LayerSite _embedded;
    private readonly Gpt2Layer[] _layers;
    private readonly Norm _norm;

    /// <summary>What the registry says of it.</summary>
    internal static Architecture Architecture { get; } = new()
    {
        ModelType = "gpt2",
        ClassName = "GPT2",
        Prefix = "transformer.",
        Paper = "Radford et al. 2019, Language Models are Unsupervised Multitask Learners",
        Tasks = Architecture.DecoderTasks,
        LanguageModelClass = "LMHeadModel",
        FieldsWithoutEffect =
        [
            "n_ctx", "reorder_and_upcast_attn", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels",
            "summary_first_dropout",
        ],
        Create = plan =>
        {
            var shape = Gpt2Config.Read(plan.Config);
            return new Gpt2Model(
                plan.Config, shape, plan.Builder("transformer.", shape.InitializerRange), plan.Task, plan.Outputs, plan.Options);
        },
        Tiny = width => $$"""
            { "model_type": "gpt2", "vocab_size": 97, "n_embd": {{width}}, "n_layer": 2, "n_head": 4, "n_inner": 56, "n_positions": 41,
              "activation_function": "gelu_new", "layer_norm_epsilon": 1e-4, "embd_pdrop": 0.1, "attn_pdrop": 0.1, "resid_pdrop": 0.15,
              "pad_token_id": 3, "initializer_range": 0.2 }
            """,
    };

    internal Gpt2Model(ModelConfig config, Gpt2Config shape, SiteBuilder build, TaskKind task, int outputs, ModelOptions options)
        : base(config, build, task == TaskKind.Embedding ? "" : "transformer.")
    {
        _shape = shape;
        var hidden = shape.Hidden;
        var body = task == TaskKind.Embedding ? build : build.In("transformer");
        _input = body.Input("wte");
        _words = body.Embedding("wte", shape.Vocabulary, hidden);
        _positions = body.Embedding("wpe", shape.MaxPositions, hidden);
        _embedded = body.In("wte").Layer(hidden);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => new Gpt2Layer(body.AtLayer($"h.{i}", i, LayerStack.Decoder), shape))];
        _norm = body.Norm("ln_f", hidden, shape.Epsilon);
        Head = DecoderHeads.Create(task, build, _words, shape.TiedHead, outputs, "classifier", options);
    }

    /// <inheritdoc/>
    public override TaskHead Head { get; }

    /// <inheritdoc/>
    public override int Width => _shape.Hidden;

    /// <inheritdoc/>
    public override int MaxTokens => _shape.MaxPositions;

    private protected override InputState Embed(TokenBatch batch, ForwardContext context)
    {
        var words = _words.Forward(batch.InputIds, context);                    // [rows, tokens, hidden]
        var state = Begin(words, batch);
        state = _input.Apply(InputStage.Words, state, context);
        var sum = state.Embeddings.Plus(_positions.Forward(Positions(state, batch, context), context));
        state = state with { Embeddings = Dropout.Base(sum, _shape.EmbeddingDropout, _input.Path, context) };
        state = _input.Apply(InputStage.Embedded, state, context);
        return state with { Embeddings = _embedded.Forward(state.Embeddings, context) };
    }

    private protected override Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context)
    {
        var mask = new KeyMask { Causal = true, Padding = Seen(state, context), Segments = state.Segments };
        var hidden = state.Embeddings;
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            hidden = RunLayer(hidden, context.At(i), (x, call) => layer.Forward(x, mask, call));
        }
        return _norm.Forward(hidden, context);
    }
}
