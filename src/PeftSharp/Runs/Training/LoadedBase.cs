using PeftSharp.Composition;
using PeftSharp.Models;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Sources;
using PeftSharp.Tokenization;

namespace PeftSharp.Runs.Training;

/// <summary>The base model of a run, as its settings ask for it.</summary>
/// <param name="Folder">Where it came from.</param>
/// <param name="Model">The model, nothing attached.</param>
/// <param name="Tokenizer">Its tokenizer, or that of the adapter that is gone on with; null for none.</param>
/// <param name="Compute">The precision of its weights.</param>
internal sealed record LoadedBase(ModelFolder Folder, PeftModel Model, Tokenizer? Tokenizer, ComputeUse Compute)
{
    /// <summary>Chooses the precision of a run.</summary>
    public static ComputeUse Precision(TrainSettings settings, bool full) =>
        full ? ComputeModes.Choose("fp32", settings.Device) with { Reason = "since every weight is trained." }
            : ComputeModes.Choose(settings.Compute, settings.Device);

    /// <summary>Loads it.</summary>
    /// <param name="settings">What the run is told.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="options">What it is to answer.</param>
    /// <param name="compute">The precision.</param>
    /// <param name="full">True if every weight is trained.</param>
    /// <param name="continued">The adapter that is gone on with; null for none.</param>
    /// <param name="observer">Hears what was found.</param>
    public static LoadedBase Load(
        TrainSettings settings, ModelFolder folder, ModelOptions options, ComputeUse compute, bool full,
        ContinuedAdapter? continued, RunObserver observer)
    {
        var transformer = ModelLoader.Load(
            folder.Folder,
            options with
            {
                Compute = compute.Type,
                Device = settings.Device,
                Seed = settings.Seed,
                Quantize = settings.Quantization ?? options.Quantize,
            });
        var kept = transformer.Card.Quantize is { } form ? $"{form.Name}, computed in " : "";
        observer.Remark(
            $"base: {settings.Base}, {transformer.Config.ModelType}; {(full ? "weights" : "frozen weights")} {kept}{compute.Name}: "
            + compute.Reason);
        foreach (var remark in transformer.Remarks) observer.Remark($"base: {remark}");
        if (transformer.SavedModules.Except(transformer.Head.Modules).ToList() is { Count: > 0 } drawn && continued is null)
            observer.Remark(
                $"base: its checkpoint has no {string.Join(", ", drawn)}; drawn at random, trained with the head and saved with "
                + "the adapter.");
        var tokenizer = LoadedModel.TokenizerOf(folder.Folder, continued?.Folder.Folder);
        return new(folder, new PeftModel(transformer, folder.Name), tokenizer, compute);
    }
}
