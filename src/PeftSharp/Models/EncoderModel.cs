using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>What encoders have in common: embeddings, a stack of layers in which tokens see each other, a head.</summary>
internal abstract class EncoderModel : TransformerModel
{
    private readonly SiteBuilder _build;
    private protected readonly EncoderConfig Shape;
    private IEncoderLayer[] _layers = [];
    private int _depth;
    private LayerSite? _embedded;
    private InputSite? _input;
    private EmbeddingSite? _words, _positions, _types;
    private Norm? _norm;
    private ProjectionSite? _widen;
    private TaskHead? _head;

    private protected EncoderModel(ModelConfig config, EncoderConfig shape, SiteBuilder build, string prefix)
    {
        (Config, Shape, _build, BasePrefix) = (config, shape, build, prefix);
    }

    /// <inheritdoc/>
    public override ModelConfig Config { get; }

    /// <inheritdoc/>
    public override SiteMap Sites => _build.Map;

    /// <inheritdoc/>
    public override TaskHead Head => _head!;

    /// <inheritdoc/>
    internal override string BasePrefix { get; }

    /// <inheritdoc/>
    public override int Width => Shape.Hidden;

    /// <inheritdoc/>
    public override int MaxTokens => Shape.MaxPositions - PositionOffset;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Created => _build.Source.Created;

    internal override bool RunsInParts => true;

    internal override string? Misfit => _build.Source.Misfit;

    private protected override bool CameFromCheckpoint => _build.Source.HasCheckpoint;

    /// <summary>Rows at the start of the position table that no token uses.</summary>
    protected virtual int PositionOffset => 0;

    /// <summary>True if the last layer may compute the first token alone, where the head reads no other.</summary>
    private protected virtual bool SkipsTokens => true;

    private protected void BuildBody(string layers, EncoderNames names)
    {
        BuildEmbeddings(new());
        BuildLayers(layers, names);
    }

    private protected void BuildEmbeddings(EmbeddingNames names)
    {
        var (p, width) = ($"{BasePrefix}embeddings", Shape.EmbeddingWidth);
        _input = _build.Input(p);
        _words = _build.Embedding($"{p}.{names.Words}", Shape.Vocabulary, width);
        if (names.Positions is { } positions) _positions = _build.Embedding($"{p}.{positions}", Shape.MaxPositions, width);
        if (Shape.TypeVocabulary > 0) _types = _build.Embedding($"{p}.token_type_embeddings", Shape.TypeVocabulary, width);
        _norm = _build.Norm($"{p}.{names.Norm}", width, Shape.Epsilon, hasBias: names.NormHasBias);
        if (names.Projection is { } widen) _widen = Linear($"{BasePrefix}{widen}", ProjectionRole.Embedding, Shape.Hidden, width);
        _embedded = _build.In(p).Layer(Shape.Hidden);
    }

    private protected void BuildLayers(string layers, EncoderNames names, EncoderShape? shape = null, DisentangledBias? bias = null) =>
        BuildLayers(
        [
            .. Enumerable.Range(0, Shape.Layers)
                .Select(i => new EncoderLayer(_build.AtLayer($"{BasePrefix}{layers}.{i}", i), shape ?? Shape.Shape, names, bias)),
        ]);

    private protected void BuildLayers(IEncoderLayer[] layers) => (_layers, _depth) = (layers, layers.Length);

    /// <summary>Says how many layers the architecture's own <see cref="Runner"/> runs.</summary>
    private protected void BuildLayers(int count) => _depth = count;

    private protected void BuildHead(TaskHead head) => _head = head;

    /// <summary>The head for a task: those that encoders have in common, or the architecture's own for whole texts.</summary>
    /// <param name="plan">What is asked for.</param>
    /// <param name="pooler">What plain vectors go through; null for nothing.</param>
    /// <param name="tokenDropout">Dropout before the map from tokens to classes.</param>
    /// <param name="sequence">Makes the head for whole texts.</param>
    private protected void BuildHead(ModelPlan plan, ProjectionSite? pooler, double tokenDropout, Func<Pooling, TaskHead> sequence)
    {
        var pooling = plan.Options.Pooling ?? Pooling.Pooler;
        BuildHead(Flexible(plan.Options, plan.Task, plan.Outputs) ?? plan.Task switch
        {
            TaskKind.Embedding => new EmbeddingHead(pooling, pooler),
            TaskKind.TokenClassification => new TokenHead(tokenDropout, Classifier("classifier", plan.Outputs, Width)),
            TaskKind.QuestionAnswering => new AnswerHead(Linear("qa_outputs", ProjectionRole.Head, 2, Width)),
            _ => sequence(pooling),
        });
    }

    private protected ProjectionSite Classifier(string path, long output, long input) => _build.Classifier(path, output, input);

    /// <summary>A head in AdapterHub's flexible layout, if it is asked for.</summary>
    private protected TaskHead? Flexible(ModelOptions options, TaskKind task, int outputs)
    {
        if (options.FlexibleHead is not { } head) return null;
        FlexibleHead = head;
        if (head.UsesPooler && !_build.Source.Has($"{BasePrefix}pooler.dense.weight"))
            throw new PeftException(
                $"The head \"{head.Name}\" reads the model's pooler, but the base has none; give the base that it was trained on, or a "
                + "head with \"use_pooler\": false.");
        var pooler = head.UsesPooler ? Linear($"{BasePrefix}pooler.dense", ProjectionRole.Pooler, Width, Width) : null;
        var dense = head.Layers == 2 ? Linear(head.Path(0), ProjectionRole.Head, Width, Width) : null;
        var output = Classifier(head.Path(head.Layers - 1), outputs, Width);
        var dropout = head.Dropout ?? Shape.HeadDropout;
        if (head.OfTokens)
            return new FlexibleTokenHead(
                dense, head.Activation ?? "linear", dropout, output,
                task == TaskKind.QuestionAnswering ? new AnswerHead(output, FlexibleHead.Module) : new TokenHead(0, output));
        var (first, activation) = pooler is null ? (dense, head.Activation ?? "linear") : (pooler, "tanh");
        return new SequenceHead(
            task, head.UsesPooler ? Pooling.Pooler : Pooling.Cls, first, activation, pooler is null, dropout, output,
            [FlexibleHead.Module]);
    }

    private protected ProjectionSite Linear(string path, ProjectionRole role, long output, long input) =>
        _build.Projection(path, role, output, input);

    /// <inheritdoc/>
    public override ModelOutput Forward(TokenBatch batch, ForwardContext context) => Call(batch, context, (batch, context) =>
    {
        SelectedTrunk.Check(batch, context.Selection);
        var depth = batch.Trunk?.Depth ?? 0;
        var (hidden, padding) = Begin(batch, context);
        hidden = RunLayers(hidden, padding, depth, _depth, context);
        var logits = depth < _depth ? _head!.Forward(hidden, padding, context)
            : _head!.Answer(depth == _depth ? _head.Condense(hidden, context) : hidden, context);
        return Result(OfTokens(logits, batch, context), hidden, padding, batch, context);
    }, static output => output.MoveOut());

    /// <inheritdoc/>
    internal override Tensor ForwardTo(int depth, TokenBatch batch, ForwardContext context) => Call(batch, context, (batch, context) =>
    {
        var (hidden, padding) = Embed(batch, context.At(-1));
        hidden = RunLayers(hidden, padding, 0, Math.Min(depth, _depth), context);
        if (depth >= _depth) hidden = _head!.Pooled(hidden, padding);
        return depth > _depth ? _head!.Condense(hidden, context) : hidden;
    }, static hidden => hidden.MoveToOuterDisposeScope(), scouts: false);

    private protected override ScoutedStates Scout(TokenBatch batch, ForwardContext context)
    {
        if (batch.Trunk?.Depth >= _depth)
            throw new PeftException(
                "The adapter weighs by the last layer's states of every token, and the cached trunk holds what the head made of them; "
                + "leave cache_trunk out.");
        var (hidden, padding) = Begin(batch, context);
        hidden = RunLayers(hidden, padding, batch.Trunk?.Depth ?? 0, _depth, context);
        return new(hidden, hidden, padding);
    }

    // Where the layers begin: behind the embeddings, or behind a batch's trunk.
    private (Tensor Hidden, Tensor? Padding) Begin(TokenBatch batch, ForwardContext context) => batch.Trunk is { } trunk
        ? (trunk.Hidden, batch.Unpadded ? null : batch.AttentionMask)
        : Embed(batch, context.At(-1));

    // Layers from one index to below another, [rows, tokens, hidden] → the same; the last one's result for the first token alone where no
    // more is read.
    private Tensor RunLayers(Tensor hidden, Tensor? padding, int from, int to, ForwardContext context)
    {
        if (from >= to) return hidden;
        context.Padding = padding;
        var firstOnly = SkipsTokens && _head!.ReadsFirstTokenOnly && !context.NeedsAllTokens;
        var run = Runner(hidden, padding, context);
        for (var i = from; i < to; i++)
        {
            var (layer, first) = (i, firstOnly && i == _depth - 1);
            hidden = Layer(hidden, (x, call) => run(layer, x, first, call), context.At(i));
        }
        return hidden;
    }

    /// <summary>Runs one layer of a call: its index, [rows, tokens, hidden], whether the first token is enough, the call.</summary>
    private protected delegate Tensor LayerRunner(int index, Tensor x, bool firstTokenOnly, ForwardContext context);

    /// <summary>The layers, where they are built as those of BERT.</summary>
    private protected IReadOnlyList<IEncoderLayer> OwnLayers => _layers;

    /// <summary>How layers are run in a call: what they share (masks, positions) is made here, once.</summary>
    private protected virtual LayerRunner Runner(Tensor hidden, Tensor? padding, ForwardContext context)
    {
        var mask = new KeyMask { Padding = padding };
        return (i, x, first, call) => _layers[i].Forward(x, mask, first, call);
    }

    // A scope for each layer: autograd keeps what the backward pass needs, and all else is free when the layer is done.
    private static Tensor Layer(Tensor hidden, Func<Tensor, ForwardContext, Tensor> layer, ForwardContext context)
    {
        if (context.RecomputesLayers) return GradientCheckpoint.Run(Recompute, hidden);
        using var scope = NewDisposeScope();
        return layer(hidden, context).MoveToOuterDisposeScope();

        Tensor Recompute(Tensor x)
        {
            var again = context.Recompute();
            try
            {
                return layer(x, again);
            }
            finally
            {
                again.Release();
            }
        }
    }

    private (Tensor Hidden, Tensor? Padding) Embed(TokenBatch batch, ForwardContext context)
    {
        BatchCheck.Require(batch, _words!.Vocabulary, _types?.Vocabulary ?? 0);
        var words = _words.Forward(batch.InputIds, context);
        var state = new InputState(words, batch.Unpadded ? null : batch.AttentionMask, batch.TokenTypeIds, false);
        state = _input!.Apply(InputStage.Words, state, context);
        var sum = state.Embeddings;
        // A table of one row tells no segments apart.
        if (_types is not null)
            sum = sum.Plus(
                _types.Forward(
                    (Shape.TypeVocabulary > 1 ? state.TypeIds : null)
                        ?? zeros([1, sum.shape[1]], dtype: ScalarType.Int64, device: sum.device),
                    context));
        var positions = Positions(batch, state, context);                       // checks the length as well
        if (_positions is not null) sum = sum.Plus(_positions.Forward(positions, context));
        var embedded = Dropout.Base(_norm!.Forward(sum, context), Shape.HiddenDropout, _input.Path, context);
        if (_widen is not null) embedded = _widen.Forward(embedded, context);
        state = _input.Apply(InputStage.Embedded, state with { Embeddings = embedded }, context);
        return (_embedded!.Forward(state.Embeddings, context), state.Mask);
    }

    /// <summary>Position of each token, int64, [rows or 1, tokens].</summary>
    private protected virtual Tensor Positions(TokenBatch batch, InputState state, ForwardContext context)
    {
        var tokens = state.Embeddings.shape[1];
        var (shift, perRow) = Sites.PositionShift(context);
        var fits = tokens + shift + (perRow?.Max() ?? 0) <= MaxTokens;
        if (!fits) RequirePositions(batch, state, shift, perRow);
        var positions = Arithmetic.Range(shift + PositionOffset, shift + PositionOffset + tokens, device: Device).unsqueeze(0);
        if (perRow is not null) positions = positions.Plus(tensor(perRow, ScalarType.Int64, device: Device).unsqueeze(1));
        // Where a row is padded past the table, its padding sits at the last place.
        return fits ? positions : positions.AtMost(PositionOffset + MaxTokens - 1L);
    }

    /// <summary>Positions that count real tokens from the padding token's id + 1, padding itself at that id (RoBERTa, MPNet).</summary>
    private protected Tensor PositionsAfterPadding(TokenBatch batch, InputState state, Tensor sequential, ForwardContext context)
    {
        if (state.Prepended || batch.Unpadded) return sequential;
        // Hugging Face takes every id of the padding token for padding; a text may spell that token, and is no shorter for it.
        var real = batch.AttentionMask;
        var (shift, perRow) = Sites.PositionShift(context);
        var counted = real.cumsum(1)
            .Plus(perRow is null ? tensor(shift, device: Device) : tensor(perRow, ScalarType.Int64, device: Device).unsqueeze(1));
        return (counted * real).Plus((long)Shape.PadId);
    }

    // Padding needs no position: a row is refused for its own length, never for that of a row beside it.
    private void RequirePositions(TokenBatch batch, InputState state, long shift, long[]? perRow)
    {
        using var scope = NewDisposeScope();
        var (rows, width) = ((int)state.Embeddings.shape[0], state.Embeddings.shape[1]);
        var lengths = state.Mask?.sum(1).cpu().data<long>().ToArray() ?? [.. Enumerable.Repeat(width, rows)];
        var last = Enumerable.Range(0, rows).Max(row => lengths[row] + shift + (perRow?[row] ?? 0));
        if (last > MaxTokens)
            throw new PeftException(
                $"A sequence takes {last} positions (virtual tokens included), but the model has {MaxTokens}; shorten it with --max-length "
                + $"{MaxTokens - (width + shift + (perRow?.Max() ?? 0) - batch.Tokens)}.");
    }
}
