using PeftSharp.Runs;
using PeftSharp.Runs.Proof;

namespace PeftSharp.Cli.Models;

/// <summary>What is done about a proof when an adapter or a merged model is loaded.</summary>
internal enum ProofUse
{
    /// <summary>What does not fit is refused.</summary>
    Refuse,
    /// <summary>What does not fit is told, and used all the same.</summary>
    Warn,
    /// <summary>It is not looked at.</summary>
    Skip,
}

/// <summary>The quick checks of a proof before the first answer: milliseconds, and nothing where a folder has no proof.</summary>
internal static class ProofGate
{
    public const string Override = "--no-verify";

    // An adapter answers with its own tokenizer: that one is looked at as well.
    private static IEnumerable<ProofCheck> Own(AdapterProof proof, string folder)
    {
        if (proof.Tokenizer is not { } expected || LoadedModel.TokenizerOf(folder, null) is not { } own || own.Fingerprint == expected) yield break;
        yield return new("tokenizer", "as when it was saved", "another", CheckResult.Fail,
            $"the tokenizer in {folder} is another one than it was saved with: it turns texts into other token ids", "put the files of the right tokenizer there");
    }

    /// <exception cref="PeftException">Base, adapter or tokenizer are not those of the proof.</exception>
    public static void Check(string folder, string basis, ProofUse use)
    {
        if (use == ProofUse.Skip) return;
        try
        {
            if (AdapterProof.TryRead(folder) is not { } proof) return;
            var tokenizer = proof.Tokenizer is null ? null : LoadedModel.TokenizerOf(basis, null) ?? LoadedModel.TokenizerOf(folder, null);
            foreach (var check in new ProofVerifier(proof, folder, basis).Quick(tokenizer).Concat(Own(proof, folder)))
            {
                if (check.Result == CheckResult.Note) Console.Error.WriteLine($"note: {check.Sentence}");
                if (check.Result != CheckResult.Fail) continue;
                if (use == ProofUse.Refuse) throw new PeftException($"{check.Fact}; {check.Advice}, or go on all the same with {Override}.");
                Console.Error.WriteLine($"warning: {check.Sentence}");
            }
        }
        catch (PeftException e) when (use == ProofUse.Warn)
        {
            Console.Error.WriteLine($"warning: {e.Message}");
        }
    }
}
