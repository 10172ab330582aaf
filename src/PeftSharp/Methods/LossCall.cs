using PeftSharp.Sites;

namespace PeftSharp.Methods;

/// <summary>What a method may look at when it changes a loss.</summary>
/// <param name="Step">Where training stands.</param>
/// <param name="Context">The call that gave the loss; a second forward may share what it computed once.</param>
/// <param name="Forward">The loss of the same batch in another call, before any method has changed it.</param>
public sealed record LossCall(StepState Step, ForwardContext Context, Func<ForwardContext, BatchLoss> Forward);
