using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The last states of a call's first pass: what the head would read, of every row and token, without a graph.</summary>
/// <param name="Source">Those of the encoder where there are two stacks, [rows, tokens, hidden]; else the same as the others.</param>
/// <param name="Answering">Those that the head reads, [rows, tokens, hidden].</param>
/// <param name="Padding">1 at the real tokens of <paramref name="Source"/>, int64 [rows, tokens]; null where nothing is padded.</param>
internal sealed record ScoutedStates(Tensor Source, Tensor Answering, Tensor? Padding)
{
    /// <summary>Index (int64) of the rows that a plug-in acts on, among those of the states; null for all.</summary>
    public Tensor? Rows { get; init; }

    /// <summary>
    /// True where vectors belong to no token (DeBERTa's distances, an adaption prompt): what is found for a row's tokens counts by its
    /// mean.
    /// </summary>
    public bool OfWholeRows { get; init; }

    /// <summary>Moves the tensors to the outer dispose scope.</summary>
    public ScoutedStates MoveOut()
    {
        var answering = Answering.MoveToOuterDisposeScope();
        var source = ReferenceEquals(Source, Answering) ? answering : Source.MoveToOuterDisposeScope();
        // The batch's own mask stays the batch's.
        return new(source, answering, Padding?.alias().MoveToOuterDisposeScope());
    }
}
