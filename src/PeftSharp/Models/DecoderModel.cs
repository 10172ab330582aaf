using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// What decoders have in common: a word table, pre-norm layers in which tokens see those before them, a last norm, a head.
/// </summary>
internal abstract class DecoderModel : TransformerModel
{
    private readonly SiteBuilder _build;

    private protected DecoderModel(ModelConfig config, SiteBuilder build, string prefix) =>
        (Config, _build, BasePrefix) = (config, build, prefix);

    /// <inheritdoc/>
    public override ModelConfig Config { get; }

    /// <inheritdoc/>
    public override SiteMap Sites => _build.Map;

    /// <inheritdoc/>
    internal override string BasePrefix { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Created => _build.Source.Created;

    internal override string? Misfit => _build.Source.Misfit;

    private protected override bool CameFromCheckpoint => _build.Source.HasCheckpoint;

    /// <inheritdoc/>
    public override ModelOutput Forward(TokenBatch batch, ForwardContext context) => Call(batch, context, (batch, context) =>
    {
        if (context.LastToken) RequireNextToken();
        if (context.Cache is not null) RequireCacheable(context);
        using var guard = context.Cache is null ? null : no_grad();
        var (_, (hidden, mask, _, _)) = Run(batch, context);
        var logits = context.LastToken
            ? Head.Forward(LastOf(hidden, mask), null, context)
            : OfTokens(Head.Forward(hidden, mask, context), batch, context);
        return Result(logits, hidden, mask, batch, context);
    }, static output => output.MoveOut());

    /// <inheritdoc/>
    /// <remarks>
    /// Over a vocabulary it is computed in chunks of tokens, of the labelled ones alone: logits of a whole batch never exist.
    /// </remarks>
    public override BatchLoss Loss(TokenBatch batch, ForwardContext context)
    {
        // Where rows have trained heads of their own, their logits are made row by row.
        if (Head.VocabularyMap is not { } map || batch.Labels is null) return base.Loss(batch, context);
        if (context.Selection.IsPerRow && !map.IsPlain(context)) return base.Loss(batch, context);
        return Call(batch, context, (batch, context) =>
        {
            var (state, (hidden, _, _, _)) = Run(batch, context);
            var places = Places(state, hidden, batch, context);
            // [labelled, hidden]
            var read = hidden.flatten(0, 1).index_select(0, tensor(places.Columns, dtype: ScalarType.Int64, device: hidden.device));
            var loss = VocabularyLoss.Of(read, places.Targets, Head, context);
            var inside = context.Training ? Sites.Inputs[^1].Labels(context) : [];
            return inside.Count == 0 ? loss : loss.With(InputLoss.Of(inside, hidden, state.Mask, Head, context));
        }, static loss => loss with { Mean = loss.Mean.MoveToOuterDisposeScope() });
    }

    private protected override ScoutedStates Scout(TokenBatch batch, ForwardContext context)
    {
        var (state, answered) = Run(batch, context);
        // Of one stack what comes in is no state of a layer; of two a cache may hold what the first made.
        return new(AnswerStart is null ? answered.Embeddings : state.Embeddings.alias(), answered.Embeddings, state.Mask);
    }

    /// <summary>Words on their way into the first layer.</summary>
    private protected static InputState Begin(Tensor words, TokenBatch batch) =>
        new(words, batch.Unpadded ? null : batch.AttentionMask, null, false) { Segments = batch.Segments };

    private (InputState State, InputState Answered) Run(TokenBatch batch, ForwardContext context)
    {
        BatchCheck.Require(batch, Sites.Embeddings[0].Vocabulary, 0);
        if (batch.Segments is not null) RequirePackable(batch, context);
        var state = Embed(batch, context);
        (context.Padding, context.Segments, context.Earlier) = (state.Mask, state.Segments, context.Cache?.RealTokens(Device));
        return (state, Answered(state, batch, context));
    }

    private LabelPlaces Places(InputState state, Tensor hidden, TokenBatch batch, ForwardContext context)
    {
        var (rows, width) = (hidden.shape[0], hidden.shape[1]);
        var vectors = Sites.Inputs[^1].VectorsOfRows(context.Selection, rows);
        long Place(int row, int token, bool isFirst) => state.Places is { } packed ? packed[row * batch.Tokens + token]
            : isFirst && vectors[row].AfterFirst ? token : token + vectors[row].Length;
        return LabelPlaces.Of(
            batch, width, Place, row => vectors[row].AfterFirst ? 0 : vectors[row].Length, Head.Ahead, Head.Outputs);
    }

    private void RequirePackable(TokenBatch batch, ForwardContext context)
    {
        if (AnswerStart is not null || context.Cache is not null)
            throw new PeftException("Packed rows are for training decoders that read prompt and answer as one sequence; give each "
                + "sequence a row of its own.");
        if (context.Selection.IsPerRow || context.Selection.HasSplit)
            throw new PeftException("Adapters were chosen row by row or for parts of rows, but a packed row holds several sequences; "
                + "give each sequence a row of its own.");
        if (context.Selection.Adapters.FirstOrDefault(a => a.NeedsAllTokens) is { } adapter)
            throw new PeftException($"The adapter \"{adapter.Name}\" reads a whole row, and a packed row holds several "
                + "sequences; train it without packing.");
        if (context.Training && Sites.Inputs[^1].Labels(context).Count > 0)
            throw new PeftException("The adapter learns what it puts before a sequence, and a packed row holds several sequences; train "
                + "it without packing.");
        if (!batch.Segments!.shape.SequenceEqual(batch.InputIds.shape))
            throw new PeftException($"The segments of a batch have the shape [{string.Join(", ", batch.Segments.shape)}] and its ids "
                + $"[{string.Join(", ", batch.InputIds.shape)}]; give one number for each id.");
    }

    /// <summary>True if keys that were computed for a sequence stay good while it grows to so many tokens.</summary>
    internal virtual bool CanKeepKeys(long tokens) => true;

    /// <summary>What a decoder that answers another sequence reads first; null where prompt and answer are one sequence.</summary>
    internal virtual int? AnswerStart => null;

    /// <summary>Tokens to vectors, virtual tokens included.</summary>
    private protected abstract InputState Embed(TokenBatch batch, ForwardContext context);

    /// <summary>Runs every layer and the last norm: [rows, tokens, hidden].</summary>
    private protected abstract Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context);

    /// <summary>What the head reads, with 1 at its real tokens: of two stacks that is another sequence than the one that came in.</summary>
    private protected virtual InputState Answered(InputState state, TokenBatch batch, ForwardContext context) =>
        state with { Embeddings = RunLayers(state, batch, context) };

    /// <summary>Runs one layer, in a way that a backward pass may repeat.</summary>
    private protected static Tensor RunLayer(Tensor hidden, ForwardContext context, Func<Tensor, ForwardContext, Tensor> layer)
    {
        return context.RecomputesLayers ? GradientCheckpoint.Run(Recompute, hidden) : layer(hidden, context);

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

    /// <summary>
    /// 1 at the keys that the tokens may see, those of earlier calls first, int64 [rows, keys]; null where nothing is padded. Asked once a
    /// call.
    /// </summary>
    internal static Tensor? Seen(InputState state, ForwardContext context) =>
        context.Cache is { } cache ? cache.Extend(state.Mask, state.Embeddings.shape[0], state.Embeddings.shape[1]) : state.Mask;

    /// <summary>
    /// Position of each token, int64 [rows or 1, tokens]: the number of real tokens before it, virtual ones and those of earlier calls
    /// included. Asked once a call.
    /// </summary>
    private protected Tensor Positions(InputState state, TokenBatch batch, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var tokens = state.Embeddings.shape[1];
        var (shift, perRow) = Sites.PositionShift(context);
        var earlier = context.Cache?.Count(state.Mask, tokens, Device);             // [rows or 1, 1]
        var positions = state.Segments is { } segments ? PositionsIn(segments) : Arithmetic.Range(0, tokens, device: Device).unsqueeze(0);
        var longest = state.Segments is null ? tokens : positions.max().item<long>() + 1;
        var last = longest + shift + (perRow?.Max() ?? 0) + (earlier?.max().item<long>() ?? 0);
        if (last > MaxTokens)
            throw new PeftException($"A sequence takes {last} positions (virtual tokens included), but the model has {MaxTokens}; " +
                $"shorten it with --max-length {MaxTokens - (last - Math.Min(longest, batch.Tokens))}.");
        // Padding behind a row counts on, as in the reference; nothing sees it.
        if (state.Mask is { } mask && state.Segments is null) positions = positions.sub(PaddedTokens.Leading(mask)).AtLeast(0L);
        if (shift > 0) positions = positions.Plus(shift);
        if (earlier is not null) positions = positions.Plus(earlier);
        if (perRow is not null) positions = positions.Plus(tensor(perRow, ScalarType.Int64, device: Device).unsqueeze(1));
        return positions.MoveToOuterDisposeScope();
    }

    // Counted anew in each of a row's sequences.
    private static Tensor PositionsIn(Tensor segments)
    {
        var (tokens, numbers) = ((int)segments.shape[1], segments.cpu().contiguous().data<long>().ToArray());
        var positions = new long[numbers.Length];
        for (var i = 0; i < numbers.Length; i++) positions[i] = i % tokens == 0 || numbers[i] != numbers[i - 1] ? 0 : positions[i - 1] + 1;
        return tensor(positions, segments.shape, device: segments.device);
    }

    // The last real token of each row: [rows, tokens, hidden] → [rows, 1, hidden].
    private static Tensor LastOf(Tensor hidden, Tensor? mask)
    {
        var (rows, tokens, width) = (hidden.shape[0], hidden.shape[1], hidden.shape[2]);
        if (mask is null || tokens == 1) return hidden.narrow(1, tokens - 1, 1);
        var place = mask.mul(Arithmetic.Range(1, tokens + 1, device: mask.device)).argmax(1); // [rows]
        return hidden.gather(1, place.view(rows, 1, 1).expand(rows, 1, width));
    }

    private void RequireNextToken()
    {
        if (Head.Kind is not (TaskKind.CausalLanguage or TaskKind.SequenceToSequence))
            throw new PeftException($"The model's head answers {Head.Kind} and not the next token; load it for the task "
                + $"{(AnswerStart is null ? TaskKind.CausalLanguage : TaskKind.SequenceToSequence)}.");
    }

    private static void RequireCacheable(ForwardContext context)
    {
        if (context.Training) throw new PeftException("A call with cached keys and values has no gradients; train without a cache.");
        if (context.Selection.Adapters.FirstOrDefault(a => a.NeedsAllTokens) is { } adapter)
            throw new PeftException($"The adapter \"{adapter.Name}\" reads the whole sequence at each token, so nothing of earlier "
                + "calls can be kept; call without a cache.");
        if (context.Selection.HasSplit)
            throw new PeftException("A split gives adapters places of the whole sequence, and a call with cached keys and values sees "
                + "its new tokens alone; call without a cache.");
    }
}
