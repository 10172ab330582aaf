using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.ChildTuning;

/// <summary>Child-Tuning F: every weight is trained, but in each step a random part of the gradients outside the head is zero.</summary>
internal sealed class ChildTuningFreeMethod(string name, ChildTuningOptions options) : PeftMethod(name)
{
    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        foreach (var slot in host.Sites.Slots) TrainCopy(slot);
        TrainModules(options.ModulesToSave, head: false); // all trained already: only a name that means nothing is refused
    }

    /// <inheritdoc/>
    public override void AfterBackward(StepState step)
    {
        using var guard = no_grad();
        foreach (var tensor in Tensors.Where(t => !Host.WholeHead.Any(m => Targets.IsSavedModule(t.Path, m))))
        {
            if (tensor.Value.grad is not { } gradient) continue;
            using var scope = NewDisposeScope();
            // What dropout leaves is divided by the share that is left.
            var seed = SeedSequence.Derive(step.Seed, tensor.Name);
            gradient.mul_(
                DropoutMask.Apply(ones(gradient.shape, ScalarType.Float32, gradient.device), 1 - options.Reserve, seed).to(gradient.dtype));
        }
    }
}
