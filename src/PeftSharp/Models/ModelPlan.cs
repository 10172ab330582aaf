using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Models.Heads;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>What a model is made from: configuration, tensors, and the head that is asked for.</summary>
/// <param name="Config">The configuration, which the model keeps.</param>
/// <param name="Checkpoint">The tensors; null makes them at random.</param>
/// <param name="Task">What the head answers.</param>
/// <param name="Outputs">Classes of the head, or 1 for a number.</param>
/// <param name="Options">How it is loaded.</param>
internal sealed record ModelPlan(ModelConfig Config, Checkpoint? Checkpoint, TaskKind Task, int Outputs, ModelOptions Options)
{
    /// <summary>A builder at the model's root.</summary>
    /// <param name="prefix">What stands before the base model's tensors in a model with a head.</param>
    /// <param name="range">Standard deviation of new weights.</param>
    /// <param name="lacksPrefix">True if the model's own names lack the prefix; default: those of a model without a head do.</param>
    public SiteBuilder Builder(string prefix, double range, bool? lacksPrefix = null)
    {
        // A bare model's names lack the prefix; a checkpoint with a head has it all the same.
        var bare = (lacksPrefix ?? Task == TaskKind.Embedding)
            && Checkpoint is not null
            && Checkpoint.Names.Any(n => n.StartsWith(prefix, StringComparison.Ordinal));
        var device = Options.ShapesOnly ? new Device(DeviceType.META, -1) : ComputeDevice.Parse(Options.Device);
        var source = new TensorSource(Checkpoint, bare ? "" : prefix, Options.Precision, range, Options.Seed, device)
        {
            AddedPrefix = bare ? prefix : "",
            Others = Options.HeadNames,
        };
        return new(source, Options, DenseMaps.Of(Config));
    }
}
