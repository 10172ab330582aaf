namespace PeftSharp.Runs.Proof;

/// <summary>The quick checks of a proof before the first answer: milliseconds, and nothing where a folder has no proof.</summary>
public static class ProofGate
{
    /// <summary>Looks at a folder's proof.</summary>
    /// <param name="folder">The adapter, or the merged model.</param>
    /// <param name="basis">The base.</param>
    /// <param name="options">What is done about what does not fit, and who hears of it.</param>
    /// <returns>What is worth a remark.</returns>
    /// <exception cref="PeftException">Base, adapter or tokenizer are not those of the proof.</exception>
    public static IReadOnlyList<string> Check(string folder, string basis, LoadOptions options)
    {
        var notes = new List<string>();
        if (options.Proof == ProofUse.Skip) return notes;
        try
        {
            if (AdapterProof.TryRead(folder) is not { } proof) return notes;
            var tokenizer = proof.Tokenizer is null ? null : LoadedModel.TokenizerOf(basis, null) ?? LoadedModel.TokenizerOf(folder, null);
            foreach (var check in new ProofVerifier(proof, folder, basis).Quick(tokenizer).Concat(Own(proof, folder)))
            {
                if (check.Result == CheckResult.Note) notes.Add(check.Sentence);
                if (check.Result != CheckResult.Fail) continue;
                if (options.Proof == ProofUse.Refuse)
                    throw new PeftException(
                        options.ProofName is { } way
                            ? $"{check.Fact}; {check.Advice}, or go on all the same with {way}."
                            : $"{check.Fact}; {check.Advice}.");
                options.Warn?.Invoke(check.Sentence);
            }
        }
        catch (PeftException e) when (options.Proof == ProofUse.Warn)
        {
            options.Warn?.Invoke(e.Message);
        }
        return notes;
    }

    // An adapter answers with its own tokenizer: that one is looked at as well.
    private static IEnumerable<ProofCheck> Own(AdapterProof proof, string folder)
    {
        if (proof.Tokenizer is not { } expected || LoadedModel.TokenizerOf(folder, null) is not { } own || own.Fingerprint == expected)
            yield break;
        yield return new("tokenizer", "as when it was saved", "another", CheckResult.Fail,
            $"the tokenizer in {folder} is another one than it was saved with: it turns texts into other token ids",
            "put the files of the right tokenizer there");
    }
}
