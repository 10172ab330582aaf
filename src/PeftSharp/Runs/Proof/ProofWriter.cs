using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Runs.Training;

namespace PeftSharp.Runs.Proof;

/// <summary>Writes the proof of an adapter that was saved.</summary>
public static class ProofWriter
{
    /// <summary>The proof of a training run. A run that cannot be proved is kept all the same, with a remark.</summary>
    internal static void AfterTraining(TrainInputs inputs, string folder, RunObserver observer)
    {
        // Weights that were rounded to bfloat16 for training are read again: the answers are to be float32's.
        if (inputs.Compute.Type != ComputeType.Float32 && inputs.Fused is null) OfSaved(inputs.Base.Folder, folder, observer);
        else Try(() => Write(inputs.Model, inputs.Adapter, inputs.Base.Folder, folder, inputs.Tokenizer), observer);
    }

    /// <summary>The proof of an adapter that was saved, from the base as it lies on the disk.</summary>
    internal static void OfSaved(string basis, string folder, RunObserver observer) => Try(
        () =>
        {
            using var loaded = LoadedModel.Open(basis, folder, new LoadOptions { Proof = ProofUse.Skip });
            Write(loaded, folder);
        },
        observer);

    private static void Try(Action write, RunObserver observer)
    {
        try
        {
            write();
        }
        catch (PeftException e)
        {
            observer.Remark($"No {AdapterProof.FileName} was written: {e.Message}");
        }
    }

    /// <summary>The proof of an adapter that was loaded.</summary>
    public static AdapterProof Write(LoadedModel loaded, string folder) =>
        Write(loaded.Model, loaded.Adapter!, loaded.BaseFolder, folder, loaded.Tokenizer());

    private static AdapterProof Write(PeftModel model, PeftMethod adapter, string basis, string folder, Tokenization.Tokenizer? tokenizer)
    {
        var proof = AdapterProof.Create(model, adapter, basis, AdapterFolder.Open(folder), tokenizer);
        proof.Write(folder);
        return proof;
    }
}
