using System.Numerics;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Data;

/// <summary>A padded batch of token sequences; each row is one example.</summary>
/// <remarks>The batch owns its tensors: dispose it after the step.</remarks>
public sealed class TokenBatch : IDisposable
{
    /// <summary>
    /// Padded tokens that go through a model at once where nobody says otherwise. Training and scoring have the same, so that they share
    /// the shapes of <see cref="FittingRows"/>.
    /// </summary>
    internal const int TokensPerPass = 512;

    /// <summary>Token ids, int64, [rows, tokens].</summary>
    public required Tensor InputIds { get; init; }

    /// <summary>1 at real tokens and 0 at padding, int64, [rows, tokens].</summary>
    public required Tensor AttentionMask { get; init; }

    /// <summary>Segment ids, int64, [rows, tokens]; null means all zeros.</summary>
    public Tensor? TokenTypeIds { get; init; }

    /// <summary>
    /// Class indices, int64, [rows]; regression targets, float32, [rows]; or 1 at each class that holds and 0 elsewhere, float32,
    /// [rows, classes]; null where there are none.
    /// </summary>
    public Tensor? Labels { get; init; }

    /// <summary>
    /// What the decoder of an encoder–decoder reads, int64 [rows, answer tokens]; null (usual) to make it of <see cref="Labels"/>, one
    /// place later.
    /// </summary>
    public Tensor? AnswerIds { get; init; }

    /// <summary>
    /// Number of the sequence that each token belongs to, where a row holds several (packing): from 1 upwards in a row, 0 at padding, int64
    /// [rows, tokens]; null (usual) for one a row.
    /// </summary>
    public Tensor? Segments { get; init; }

    /// <summary>
    /// Hidden states that the lower layers made of the tokens before, from which the model goes on; null (usual) to begin with the tokens.
    /// </summary>
    internal TrunkStates? Trunk { get; set; }

    /// <summary>Which of several tasks of a joint run the rows belong to, from 0; null (usual) for none.</summary>
    public int? Task { get; internal set; }

    /// <summary>What the rows are taken from; null for a batch that was made by hand.</summary>
    public DataOrigin? Origin { get; init; }

    /// <summary>For each row, its index in the dataset that it came from.</summary>
    public IReadOnlyList<int> Source { get; init; } = [];

    /// <summary>Real (unpadded) tokens in the whole batch.</summary>
    public int RealTokens { get; init; }

    /// <summary>True if no row is padded, so that attention needs no mask.</summary>
    public bool Unpadded { get; init; }

    /// <summary>Number of rows.</summary>
    public int Rows => (int)InputIds.shape[0];

    /// <summary>Padded length.</summary>
    public int Tokens => (int)InputIds.shape[1];

    /// <summary>The batch on a device: itself if it is there, else copies in the caller's dispose scope.</summary>
    public TokenBatch To(Device device) => InputIds.IsOn(device) ? this : new()
    {
        InputIds = InputIds.to(device),
        AttentionMask = AttentionMask.to(device),
        TokenTypeIds = TokenTypeIds?.to(device),
        Labels = Labels?.to(device),
        AnswerIds = AnswerIds?.to(device),
        Segments = Segments?.to(device),
        Trunk = Trunk is { } trunk ? trunk with { Hidden = trunk.Hidden.to(device) } : null,
        Source = Source,
        Origin = Origin,
        Task = Task,
        RealTokens = RealTokens,
        Unpadded = Unpadded,
    };

    /// <summary>
    /// The batch in parts of at most <paramref name="maxTokens"/> padded tokens each, with as many rows as the greatest power of two that
    /// fits (but at least one); the batch itself if it is no larger, or the limit is 0.
    /// </summary>
    /// <param name="maxTokens">Padded tokens a part at most; 0 for no limit.</param>
    /// <param name="added">Vectors that an adapter puts before each row: they go through the model as tokens do, and count.</param>
    /// <remarks>The parts are views: they belong to the caller's dispose scope and go before the batch does.</remarks>
    public IReadOnlyList<TokenBatch> Split(int maxTokens, int added = 0)
    {
        var rows = Rows;
        var each = PartRows(rows, Tokens + added, maxTokens);
        if (each == rows) return [this];
        return [.. Enumerable.Range(0, (rows + each - 1) / each).Select(i => Part(i * each, Math.Min(each, rows - i * each)))];
    }

    /// <summary>
    /// Rows of each part of a batch that <see cref="Split"/> makes, the last part aside; all of them where it makes none.
    /// </summary>
    internal static int PartRows(int rows, int tokens, int maxTokens) =>
        maxTokens <= 0 || (long)rows * tokens <= maxTokens ? rows : FittingRows(tokens, maxTokens);

    /// <summary>
    /// Rows that fit a budget of padded tokens, at least 1. A power of two: products then come in few shapes, and libtorch keeps compiled
    /// code for each one that it has met.
    /// </summary>
    internal static int FittingRows(int tokens, int maxTokens) =>
        1 << BitOperations.Log2((uint)Math.Max(1, maxTokens / Math.Max(1, tokens)));

    private TokenBatch Part(int first, int count)
    {
        var mask = AttentionMask.narrow(0, first, count);
        var real = Unpadded ? count * Tokens : (int)mask.sum().item<long>();
        return new()
        {
            InputIds = InputIds.narrow(0, first, count),
            AttentionMask = mask,
            TokenTypeIds = TokenTypeIds?.narrow(0, first, count),
            Labels = Labels?.narrow(0, first, count),
            AnswerIds = AnswerIds?.narrow(0, first, count),
            Segments = Segments?.narrow(0, first, count),
            Trunk = Trunk is { } trunk ? trunk with { Hidden = trunk.Hidden.narrow(0, first, count) } : null,
            Source = Source.Count == 0 ? Source : [.. Source.Skip(first).Take(count)],
            Origin = Origin,
            Task = Task,
            RealTokens = real,
            Unpadded = real == count * Tokens,
        };
    }

    /// <summary>A copy of one row, cut to its real tokens where padding follows them. The caller disposes it.</summary>
    internal TokenBatch Row(int row)
    {
        using var scope = NewDisposeScope();
        var real = (int)AttentionMask[row].sum().item<long>();
        var length = real > 0 && Trunk is null && AttentionMask[row].narrow(0, 0, real).sum().item<long>() == real ? real : Tokens;
        Tensor Copy(Tensor all) =>
            (all.dim() == 2 && all.shape[1] == Tokens ? all.narrow(1, 0, length) : all).narrow(0, row, 1).clone().DetachFromDisposeScope();
        return new()
        {
            InputIds = Copy(InputIds),
            AttentionMask = Copy(AttentionMask),
            TokenTypeIds = TokenTypeIds is { } types ? Copy(types) : null,
            // Numbers for classes may be as many as there are tokens.
            Labels = Labels is not { } labels ? null
                : labels.is_floating_point() ? labels.narrow(0, row, 1).clone().DetachFromDisposeScope() : Copy(labels),
            Segments = Segments is { } segments ? Copy(segments) : null,
            AnswerIds = AnswerIds?.narrow(0, row, 1).clone().DetachFromDisposeScope(),
            Trunk = Trunk is { } trunk ? trunk with { Hidden = trunk.Hidden.narrow(0, row, 1).clone().DetachFromDisposeScope() } : null,
            Source = Source.Count == 0 ? Source : [Source[row]],
            Origin = Origin,
            Task = Task,
            RealTokens = real,
            Unpadded = real == length,
        };
    }

    /// <summary>The rows so many times, one copy of the batch after the other; it is the caller's.</summary>
    internal TokenBatch Repeat(int times)
    {
        Tensor Copies(Tensor all) => cat([.. Enumerable.Repeat(all, times)]).DetachFromDisposeScope();
        return new()
        {
            InputIds = Copies(InputIds),
            AttentionMask = Copies(AttentionMask),
            TokenTypeIds = TokenTypeIds is { } types ? Copies(types) : null,
            Labels = Labels is { } labels ? Copies(labels) : null,
            AnswerIds = AnswerIds is { } answers ? Copies(answers) : null,
            Source = [.. Enumerable.Repeat(Source, times).SelectMany(rows => rows)],
            Origin = Origin,
            Task = Task,
            RealTokens = times * RealTokens,
            Unpadded = Unpadded,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        InputIds.Dispose();
        AttentionMask.Dispose();
        TokenTypeIds?.Dispose();
        Labels?.Dispose();
        AnswerIds?.Dispose();
        Segments?.Dispose();
        Trunk?.Hidden.Dispose();
    }
}
