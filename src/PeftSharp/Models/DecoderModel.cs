using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>What decoders have in common: a word table, pre-norm layers in which tokens see those before them, a last norm, a head.</summary>
public abstract class DecoderModel : TransformerModel
{
    private readonly SiteBuilder _build;

    private protected DecoderModel(ModelConfig config, SiteBuilder build, string prefix) => (Config, _build, BasePrefix) = (config, build, prefix);

    /// <inheritdoc/>
    public override ModelConfig Config { get; }

    /// <inheritdoc/>
    public override SiteMap Sites => _build.Map;

    /// <inheritdoc/>
    public override string BasePrefix { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Created => _build.Source.Created;

    private protected override bool CameFromCheckpoint => _build.Source.HasCheckpoint;

    /// <inheritdoc/>
    public override ModelOutput Forward(TokenBatch batch, ForwardContext context) => Call(batch, context, (batch, context) =>
    {
        BatchCheck.Require(batch, Sites.Embeddings[0].Vocabulary, 0);
        var state = Embed(batch, context);
        context.Padding = state.Mask;
        var hidden = RunLayers(state, batch, context);
        var logits = OfTokens(Head.Forward(hidden, state.Mask, context), batch.Tokens, context);
        return Result(logits, hidden, state.Mask, batch, context);
    }, static output => output.MoveOut());

    /// <summary>Tokens to vectors, virtual tokens included.</summary>
    private protected abstract InputState Embed(TokenBatch batch, ForwardContext context);

    /// <summary>Runs every layer and the last norm: [rows, tokens, hidden].</summary>
    private protected abstract Tensor RunLayers(InputState state, TokenBatch batch, ForwardContext context);

    /// <summary>Runs one layer, in a way that a backward pass may repeat.</summary>
    private protected static Tensor RunLayer(Tensor hidden, ForwardContext context, Func<Tensor, ForwardContext, Tensor> layer)
    {
        return context is { Checkpointing: true, Training: true } ? GradientCheckpoint.Run(Recompute, hidden) : layer(hidden, context);

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

    /// <summary>Position of each token, int64 [rows or 1, tokens]: counted from a row's first real token, padding before it aside.</summary>
    private protected Tensor Positions(TokenBatch batch, long tokens, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var (shift, perRow) = Sites.PositionShift(context);
        var last = tokens + shift + (perRow?.Max() ?? 0);
        if (last > MaxTokens)
            throw new PeftException($"A sequence takes {last} positions (virtual tokens included), but the model has {MaxTokens}; " +
                $"shorten it with --max-length {MaxTokens - (last - batch.Tokens)}.");
        var positions = Arithmetic.Range(shift, shift + tokens, device: Device).unsqueeze(0);
        if (!batch.Unpadded) positions = positions.sub(LeadingPadding(batch)).AtLeast(0L);
        if (perRow is not null) positions = positions.Plus(tensor(perRow, ScalarType.Int64, device: Device).unsqueeze(1));
        return positions.MoveToOuterDisposeScope();
    }

    // [rows, 1]
    private static Tensor LeadingPadding(TokenBatch batch) =>
        batch.AttentionMask.cumsum(1).eq(zeros([1], ScalarType.Int64, batch.AttentionMask.device)).to(ScalarType.Int64).sum(1, keepdim: true);
}
