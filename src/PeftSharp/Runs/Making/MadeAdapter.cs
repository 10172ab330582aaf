using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Results;

namespace PeftSharp.Runs.Making;

/// <summary>An adapter that was made of others (combined, extracted, converted), with what its answers need and its proof.</summary>
public static class MadeAdapter
{
    /// <summary>Writes it into a folder, which appears whole or not at all.</summary>
    /// <param name="model">The base with the adapter on it.</param>
    /// <param name="adapter">The adapter.</param>
    /// <param name="folder">Where to; a folder that does not exist yet, or is empty.</param>
    /// <param name="format">Its layout; null (default) for the method's own.</param>
    /// <param name="options">What may be replaced.</param>
    /// <exception cref="OutputRefusedException">The folder holds what must not be replaced, or what is read.</exception>
    /// <exception cref="PeftException">The layout has no place for the adapter, or it cannot be written.</exception>
    public static void Write(
        LoadedModel model, PeftMethod adapter, string folder, AdapterFormat? format = null, OutputOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var output = OutputFolder.Plan(folder, options, model.BaseFolder, model.AdapterFolder);
        Write(model, adapter, output, format);
    }

    /// <summary>The same into a folder that was planned.</summary>
    /// <param name="model">The base with the adapter on it.</param>
    /// <param name="adapter">The adapter.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="format">Its layout; null (default) for the method's own.</param>
    /// <param name="runOf">The adapter folder whose run.json goes along; null (default) for none.</param>
    /// <exception cref="PeftException">As above.</exception>
    public static void Write(
        LoadedModel model, PeftMethod adapter, OutputFolder folder, AdapterFormat? format = null, string? runOf = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(folder);
        AdapterFolder.Save(adapter, folder.Create(), format);
        model.Tokenizer()?.Save(folder.Aside);
        if (runOf is not null && RunFile.TryRead(runOf) is { } run)
            File.WriteAllText(Path.Combine(folder.Aside, RunFile.Name), JsonText.Text(run.Json) + "\n");
        var saved = AdapterFolder.Open(folder.Aside);
        AdapterProof.Create(model.Model, adapter, model.BaseFolder, saved, model.Tokenizer()).Write(folder.Aside);
        folder.Finish();
    }
}
