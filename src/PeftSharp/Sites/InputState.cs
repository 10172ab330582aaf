using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A sequence on its way into the first layer.</summary>
/// <param name="Embeddings">[rows, tokens, hidden].</param>
/// <param name="Mask">1 at real tokens, int64 [rows, tokens]; null where nothing is padded.</param>
/// <param name="TypeIds">Segment ids, int64 [rows, tokens]; null for zeros.</param>
/// <param name="Prepended">True once vectors that are no tokens stand in the sequence.</param>
public sealed record InputState(Tensor Embeddings, Tensor? Mask, Tensor? TypeIds, bool Prepended)
{
    /// <summary>
    /// Number of the sequence that each place of a packed row belongs to, from 1; 0 at padding, which stands at the right alone; int64
    /// [rows, tokens]; null for one a row.
    /// </summary>
    public Tensor? Segments { get; init; }

    /// <summary>
    /// Where the tokens of packed rows stand now, row by row; null where they stand as they came, or all behind what was put before them.
    /// </summary>
    internal long[]? Places { get; init; }
}
