using PeftSharp.Runs;
using PeftSharp.Runs.Proof;

namespace PeftSharp.Cli.Models;

/// <summary>
/// Loads a model, and an adapter into it, after a look at their proof; what the files leave to be said goes to standard error.
/// </summary>
internal static class ModelOpener
{
    /// <summary>The option that goes on where a proof does not fit.</summary>
    public const string Override = "--no-verify";

    /// <summary>Loads them.</summary>
    /// <param name="folder">The base.</param>
    /// <param name="adapterFolder">The adapter, or several as an expression of their folders; or null.</param>
    /// <param name="options">How they are loaded.</param>
    /// <param name="proof">What to do where the folder's proof says that base, adapter or tokenizer are others.</param>
    public static LoadedModel Open(string folder, string? adapterFolder, LoadOptions? options = null, ProofUse proof = ProofUse.Refuse)
    {
        var loaded = LoadedModel.Open(folder, adapterFolder, With(options ?? new(), proof));
        foreach (var remark in loaded.Remarks) Console.Error.WriteLine($"note: {remark}");
        return loaded;
    }

    /// <summary>Options that look at proofs, and warn on standard error.</summary>
    public static LoadOptions With(LoadOptions options, ProofUse proof) =>
        options with { Proof = proof, ProofName = Override, Warn = sentence => Console.Error.WriteLine($"warning: {sentence}") };
}
