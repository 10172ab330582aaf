using PeftSharp.Runs;

namespace PeftSharp.Cli.Models;

/// <summary>Loads a model, and an adapter into it, after a look at their proof; what the files leave to be said goes to standard error.</summary>
internal static class ModelOpener
{
    /// <summary>Loads them.</summary>
    /// <param name="folder">The base.</param>
    /// <param name="adapterFolder">The adapter, or null.</param>
    /// <param name="options">How they are loaded.</param>
    /// <param name="proof">What to do where the folder's proof says that base, adapter or tokenizer are others.</param>
    public static LoadedModel Open(string folder, string? adapterFolder, LoadOptions? options = null, ProofUse proof = ProofUse.Refuse)
    {
        if (Directory.Exists(folder)) ProofGate.Check(adapterFolder ?? folder, folder, proof);
        var loaded = LoadedModel.Open(folder, adapterFolder, options);
        foreach (var remark in loaded.Remarks) Console.Error.WriteLine($"note: {remark}");
        return loaded;
    }
}
