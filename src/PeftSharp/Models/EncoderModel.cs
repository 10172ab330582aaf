using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>What BERT, RoBERTa and DistilBERT have in common: embeddings, a stack of post-norm layers, a head.</summary>
public abstract class EncoderModel : TransformerModel
{
    private readonly SiteBuilder _build;
    private protected readonly EncoderConfig Shape;
    private EncoderLayer[] _layers = [];
    private LayerSite? _embedded;
    private InputSite? _input;
    private EmbeddingSite? _words, _positions, _types;
    private Norm? _norm;
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
    public override string BasePrefix { get; }

    /// <inheritdoc/>
    public override int Width => Shape.Hidden;

    /// <inheritdoc/>
    public override int MaxTokens => Shape.MaxPositions - PositionOffset;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Created => _build.Source.Created;

    internal override bool RunsInParts => true;

    private protected override bool CameFromCheckpoint => _build.Source.HasCheckpoint;

    /// <summary>Rows at the start of the position table that no token uses.</summary>
    protected virtual int PositionOffset => 0;

    private protected void BuildBody(string layers, EncoderNames names)
    {
        var p = BasePrefix;
        _input = _build.Input($"{p}embeddings");
        _words = _build.Embedding($"{p}embeddings.word_embeddings", Shape.Vocabulary, Shape.Hidden);
        _positions = _build.Embedding($"{p}embeddings.position_embeddings", Shape.MaxPositions, Shape.Hidden);
        if (Shape.TypeVocabulary > 0) _types = _build.Embedding($"{p}embeddings.token_type_embeddings", Shape.TypeVocabulary, Shape.Hidden);
        _norm = _build.Norm($"{p}embeddings.LayerNorm", Shape.Hidden, Shape.Epsilon);
        _embedded = _build.In($"{p}embeddings").Layer(Shape.Hidden);
        _layers = [.. Enumerable.Range(0, Shape.Layers).Select(i => new EncoderLayer(_build.AtLayer($"{p}{layers}.{i}", i), Shape.Shape, names))];
    }

    private protected void BuildHead(TaskHead head) => _head = head;

    private protected ProjectionSite Classifier(string path, long output, long input) => _build.Classifier(path, output, input);

    /// <summary>A head in AdapterHub's flexible layout, if it is asked for.</summary>
    private protected TaskHead? Flexible(ModelOptions options, TaskKind task, int outputs)
    {
        if (options.FlexibleHead is not { } head) return null;
        FlexibleHead = head;
        if (head.UsesPooler && !_build.Source.Has($"{BasePrefix}pooler.dense.weight"))
            throw new PeftException($"The head \"{head.Name}\" reads the model's pooler, but the base has none; give the base that it was trained on, or a head with \"use_pooler\": false.");
        var pooler = head.UsesPooler ? Linear($"{BasePrefix}pooler.dense", ProjectionRole.Pooler, Width, Width) : null;
        var dense = head.Layers == 2 ? Linear(head.Path(0), ProjectionRole.Head, Width, Width) : null;
        var (first, activation) = pooler is null ? (dense, head.Activation ?? "linear") : (pooler, "tanh");
        return new SequenceHead(
            task, head.UsesPooler ? Pooling.Pooler : Pooling.Cls, first, activation, pooler is null, head.Dropout ?? Shape.HeadDropout,
            Classifier(head.Path(head.Layers - 1), outputs, Width), [FlexibleHead.Module]);
    }

    private protected ProjectionSite Linear(string path, ProjectionRole role, long output, long input) => _build.Projection(path, role, output, input);

    /// <inheritdoc/>
    public override ModelOutput Forward(TokenBatch batch, ForwardContext context) => Call(batch, context, (batch, context) =>
    {
        SelectedTrunk.Check(batch, context.Selection);
        var depth = batch.Trunk?.Depth ?? 0;
        var (hidden, padding) = batch.Trunk is { } trunk ? (trunk.Hidden, batch.Unpadded ? null : batch.AttentionMask) : Embed(batch, context.At(-1));
        hidden = RunLayers(hidden, padding, depth, _layers.Length, context);
        var logits = depth < _layers.Length ? _head!.Forward(hidden, padding, context)
            : _head!.Answer(depth == _layers.Length ? _head.Condense(hidden, context) : hidden, context);
        return Result(OfTokens(logits, batch.Tokens, context), hidden, padding, batch, context);
    }, static output => output.MoveOut());

    /// <inheritdoc/>
    public override Tensor ForwardTo(int depth, TokenBatch batch, ForwardContext context) => Call(batch, context, (batch, context) =>
    {
        var (hidden, padding) = Embed(batch, context.At(-1));
        hidden = RunLayers(hidden, padding, 0, Math.Min(depth, _layers.Length), context);
        if (depth >= _layers.Length) hidden = _head!.Pooled(hidden, padding);
        return depth > _layers.Length ? _head!.Condense(hidden, context) : hidden;
    }, static hidden => hidden.MoveToOuterDisposeScope());

    // Layers from one index to below another, [rows, tokens, hidden] → the same; the last one's result for the first token alone where no more is read.
    private Tensor RunLayers(Tensor hidden, Tensor? padding, int from, int to, ForwardContext context)
    {
        if (from >= to) return hidden;
        context.Padding = padding;
        var mask = new KeyMask { Padding = padding };
        var firstOnly = _head!.ReadsFirstTokenOnly && !context.NeedsAllTokens;
        for (var i = from; i < to; i++) hidden = Layer(_layers[i], hidden, mask, firstOnly && i == _layers.Length - 1, context.At(i));
        return hidden;
    }

    // A scope for each layer: autograd keeps what the backward pass needs, and all else is free when the layer is done.
    private static Tensor Layer(EncoderLayer layer, Tensor hidden, KeyMask mask, bool firstOnly, ForwardContext context)
    {
        if (context is { Checkpointing: true, Training: true }) return GradientCheckpoint.Run(Recompute, hidden);
        using var scope = NewDisposeScope();
        return layer.Forward(hidden, mask, firstOnly, context).MoveToOuterDisposeScope();

        Tensor Recompute(Tensor x)
        {
            var again = context.Recompute();
            try
            {
                return layer.Forward(x, mask, firstOnly, again);
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
            sum = sum.Plus(_types.Forward((Shape.TypeVocabulary > 1 ? state.TypeIds : null) ?? zeros([1, sum.shape[1]], dtype: ScalarType.Int64, device: sum.device), context));
        sum = sum.Plus(_positions!.Forward(Positions(batch, state, context), context));
        var embedded = Dropout.Base(_norm!.Forward(sum, context), Shape.HiddenDropout, _input.Path, context);
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

    // Padding needs no position: a row is refused for its own length, never for that of a row beside it.
    private void RequirePositions(TokenBatch batch, InputState state, long shift, long[]? perRow)
    {
        using var scope = NewDisposeScope();
        var (rows, width) = ((int)state.Embeddings.shape[0], state.Embeddings.shape[1]);
        var lengths = state.Mask?.sum(1).cpu().data<long>().ToArray() ?? [.. Enumerable.Repeat(width, rows)];
        var last = Enumerable.Range(0, rows).Max(row => lengths[row] + shift + (perRow?[row] ?? 0));
        if (last > MaxTokens)
            throw new PeftException($"A sequence takes {last} positions (virtual tokens included), but the model has {MaxTokens}; shorten it with --max-length {MaxTokens - (width + shift + (perRow?.Max() ?? 0) - batch.Tokens)}.");
    }
}
