using PeftSharp.Data;
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
    CancellationToken Cancellation = default);
