using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Files;
using static TorchSharp.torch;

namespace PeftSharp.Training;

/// <summary>What the trainer drives: a model with its adapter. The hooks are a method's lifecycle.</summary>
public interface ITrainingModel
{
    /// <summary>The tensors to train, in a stable order.</summary>
    IReadOnlyList<TrainableParameter> Parameters { get; }

    /// <summary>Vectors that go before each row's tokens through the model (virtual tokens); 0 for most methods.</summary>
    int AddedTokens => 0;

    /// <summary>The phases that a run goes through, in their order; empty for most methods. The first begins with the run.</summary>
    IReadOnlyList<TrainingPhase> Phases => [];

    /// <summary>
    /// A later phase begins: before its first step. <see cref="Parameters"/> may be others afterwards; the optimizer starts anew. By
    /// default nothing happens.
    /// </summary>
    /// <param name="phase">Its index in <see cref="Phases"/>.</param>
    void EnterPhase(int phase) { }

    /// <summary>
    /// For an estimate of memory and time, in place of a run: <see cref="Parameters"/> are those of the costliest phase, until the action
    /// that is returned goes back to the start; null (default) where they are anyway.
    /// </summary>
    Action? Rehearse() => null;

    /// <summary>
    /// Before the first step of a run that is not resumed: lets the method look at training data. <see cref="Parameters"/> may be others
    /// afterwards. By default nothing happens.
    /// </summary>
    /// <param name="batches">The training data.</param>
    /// <param name="seed">Every random draw derives from it.</param>
    /// <param name="cancellation">Stops it; nothing has changed then.</param>
    void Prepare(IBatchSource batches, ulong seed, CancellationToken cancellation = default) { }

    /// <summary>The loss of a batch with its graph, in training mode, and the weight with which the batch counts in its step.</summary>
    BatchLoss Loss(TokenBatch batch, StepState state);

    /// <summary>After the gradients of all micro-steps are summed and clipped, before the optimizer step.</summary>
    void AfterBackward(StepState state);

    /// <summary>Just before the optimizer step.</summary>
    void BeforeStep(StepState state);

    /// <summary>After the optimizer step, before gradients are cleared.</summary>
    void AfterStep(StepState state);

    /// <summary>
    /// The method's own tensors (not its parameters), to be saved with the trainer's; empty for most methods. Their number, shapes and
    /// types may change from step to step.
    /// </summary>
    IReadOnlyDictionary<string, Tensor> MethodState { get; }

    /// <summary>What the method keeps besides, as JSON (counts, phases, ranks); null for most. The caller owns it.</summary>
    JsonNode? MethodStateJson => null;

    /// <summary>
    /// Takes back what <see cref="MethodState"/> and <see cref="MethodStateJson"/> gave, before the parameters are restored: a method whose
    /// tensors change shape brings them, and <see cref="Parameters"/>, to the saved shapes here. By default copies into the tensors of the
    /// same names.
    /// </summary>
    /// <exception cref="PeftException">The state does not fit; nothing has changed.</exception>
    void RestoreMethodState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        NamedTensors.Check(MethodState, tensors, "the method's state");
        NamedTensors.Copy(MethodState, tensors);
    }
}
