using PeftSharp.Files.Json;
using PeftSharp.Models;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Results;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Making;

/// <summary>An adapter, or several that act together, written into the base as a plain Hugging Face folder.</summary>
public static class MergedModel
{
    /// <summary>Merges, makes sure that answers stay, and writes the folder, which appears whole or not at all.</summary>
    /// <param name="model">Base and adapter, loaded with <see cref="LoadOptions.Dense"/>; merged afterwards.</param>
    /// <param name="folder">Where to; a folder that does not exist yet, or is empty.</param>
    /// <param name="type">Element type on disk; default float32.</param>
    /// <param name="options">What may be replaced.</param>
    /// <param name="form">Writes the layers' weights in few bits; null (default) for no.</param>
    /// <exception cref="OutputRefusedException">The folder holds what must not be replaced, or what is read.</exception>
    /// <exception cref="PeftException">The adapter cannot be merged, or answers differ more than rounding explains; nothing is written
    /// then.</exception>
    public static MergeResult Write(
        LoadedModel model, string folder, ScalarType type = ScalarType.Float32, OutputOptions? options = null, Quantization? form = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var output = OutputFolder.Plan(folder, options, model.BaseFolder, model.AdapterFolder);
        return Write(model, output, type, form);
    }

    /// <summary>The same into a folder that was planned.</summary>
    /// <inheritdoc cref="Write(LoadedModel, string, ScalarType, OutputOptions?, Quantization?)"/>
    public static MergeResult Write(
        LoadedModel model, OutputFolder folder, ScalarType type = ScalarType.Float32, Quantization? form = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(folder);
        if (model.Adapter is not { } adapter || model.AdapterFolder is not { } source)
            throw new PeftException($"{model.BaseFolder} was loaded without an adapter, so there is nothing to merge; name one.");
        // A proof is of one adapter.
        var before = model.Composition is not null
            ? null
            : AdapterProof.Create(model.Model, adapter, model.BaseFolder, Formats.AdapterFolder.Open(source), model.Tokenizer());
        var difference = MergeProbe.Merge(model);
        if (model.Model.Model.Drawn.FirstOrDefault() is { } drawn)
            throw new PeftException(
                $"{model.BaseFolder} has no \"{drawn}\", and the adapter brings none: what was drawn in its place is not trained, so "
                + "nothing was written; give the base that has it.");
        var lost = form is null ? null : Requantization.Of(model.Model.Model, form);
        if (form is null) ModelWriter.Write(model.Model.Model, folder.Create(), type, card: model.Card);
        else ModelWriter.WriteQuantized(model.Model.Model, folder.Create(), form, type: type, card: model.Card);
        model.Tokenizer()?.Save(folder.Aside);
        if (model.Composition is null && RunFile.TryRead(source) is { } run)
            File.WriteAllText(Path.Combine(folder.Aside, RunFile.Name), JsonText.Text(run.Json) + "\n");
        // A proof is of answers, and rounding changes them.
        if (form is null) before?.ForMerged(folder.Aside, model.Model).Write(folder.Aside);
        folder.Finish();
        return new(difference, MergeProbe.Rows, model.Model.Model.HasOwnPooling
            ? [$"pooling {model.Card.Pooling.ToString().ToLowerInvariant()} has no place in Hugging Face's own class: written for "
                + "sentence-transformers, whose encode gives the logits."]
            : [])
        { Lost = lost };
    }
}
