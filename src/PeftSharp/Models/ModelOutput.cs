using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>
/// What a forward pass yields. Its tensors belong to the caller: to the dispose scope that is open, if one is; else dispose the output.
/// </summary>
/// <param name="Logits">The head's output; for plain embeddings, the pooled vectors [rows, hidden].</param>
/// <param name="Hidden">The last layer's output, [rows, tokens, hidden], where all tokens were asked for; else null, for it is
/// large.</param>
/// <param name="Mask">1 at real tokens of <paramref name="Hidden"/> (virtual tokens included), int64 [rows, tokens]; null if nothing is
/// padded.</param>
public sealed record ModelOutput(Tensor Logits, Tensor? Hidden, Tensor? Mask) : IDisposable
{
    /// <summary>
    /// Number of outputs of each row, where adapters with heads of several widths act on them: <see cref="Logits"/> is then as wide as the
    /// widest, and the others are filled up with −∞ at the right, which a softmax turns into zeros. Null where every row has all of them.
    /// </summary>
    public IReadOnlyList<int>? Widths { get; init; }

    /// <summary>
    /// The outputs of one row, [outputs] or [tokens, outputs], without what fills it up; a view in the caller's dispose scope.
    /// </summary>
    /// <param name="row">The row, from 0.</param>
    public Tensor RowLogits(int row)
    {
        using var own = Logits.narrow(0, row, 1);
        using var flat = own.squeeze(0);
        return flat.narrow(-1, 0, Widths?[row] ?? flat.shape[^1]);
    }

    /// <summary>The same, handed to the dispose scope around the innermost one.</summary>
    internal ModelOutput MoveOut()
    {
        Logits.MoveToOuterDisposeScope();
        Hidden?.MoveToOuterDisposeScope();
        Mask?.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>Releases the tensors.</summary>
    public void Dispose()
    {
        Logits.Dispose();
        Hidden?.Dispose();
        Mask?.Dispose();
    }
}
