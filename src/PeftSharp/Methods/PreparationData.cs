using PeftSharp.Data;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>What a method sees of the training data before the first step.</summary>
/// <param name="Examples">
/// Batches of one example each, unpadded, in an order that follows from the seed alone; read them lazily: each is released when the next is
/// asked for.
/// </param>
/// <param name="Loss">The loss of a batch with its graph, the adapter active and all dropout off, before any method has changed it.</param>
/// <param name="Logits">What the model answers in such a call, with its graph.</param>
/// <param name="IsClassification">True if an example is of one class, so that <paramref name="Logits"/> are [1, classes].</param>
/// <param name="Seed">Every random draw derives from it.</param>
/// <param name="Cancellation">Asked for between examples; a method that stops has changed nothing.</param>
public sealed record PreparationData(
    IEnumerable<TokenBatch> Examples, Func<TokenBatch, BatchLoss> Loss, Func<TokenBatch, Tensor> Logits, bool IsClassification, ulong Seed,
    CancellationToken Cancellation = default)
{
    /// <summary>
    /// The same data for who needs gradients of leaves and taps alone: a graph keeps the inputs of layers, which the backward pass computes
    /// again. Less memory, more time, the same gradients; the data as it is where nobody made it so.
    /// </summary>
    internal PreparationData WithRecomputedLayers { get => field ?? this; private init; }

    /// <summary>The data of calls that differ in whether layers are computed again.</summary>
    /// <param name="examples">Batches of one example each.</param>
    /// <param name="call">The call of a batch.</param>
    /// <param name="loss">The loss of a batch in a call.</param>
    /// <param name="logits">What the model answers in a call.</param>
    /// <param name="isClassification">True if an example is of one class.</param>
    /// <param name="seed">Every random draw derives from it.</param>
    /// <param name="cancellation">Asked for between examples.</param>
    internal static PreparationData Of(
        IEnumerable<TokenBatch> examples, Func<TokenBatch, ForwardContext> call, Func<TokenBatch, ForwardContext, BatchLoss> loss,
        Func<TokenBatch, ForwardContext, Tensor> logits, bool isClassification, ulong seed, CancellationToken cancellation)
    {
        return Data(recompute: false) with { WithRecomputedLayers = Data(recompute: true) };

        PreparationData Data(bool recompute)
        {
            ForwardContext Call(TokenBatch batch) => call(batch) with { Checkpointing = recompute };
            return new(
                examples, batch => loss(batch, Call(batch)), batch => logits(batch, Call(batch)), isClassification, seed, cancellation);
        }
    }
}
