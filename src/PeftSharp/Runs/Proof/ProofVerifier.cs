using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Sites;
using PeftSharp.Tokenization;

namespace PeftSharp.Runs.Proof;

/// <summary>Compares a proof with the files and the answers that are there.</summary>
/// <param name="proof">The proof.</param>
/// <param name="folder">The adapter's folder, or the merged model's.</param>
/// <param name="baseFolder">The base that is to be used; the merged model itself where there is no adapter.</param>
public sealed class ProofVerifier(AdapterProof proof, string folder, string baseFolder)
{
    /// <summary>What every load can afford: configuration, settings, samples of the weights, the tokenizer. Nothing is loaded.</summary>
    /// <param name="tokenizer">The tokenizer that is to be used; null if there is none.</param>
    /// <exception cref="PeftException">A file cannot be read.</exception>
    public IEnumerable<ProofCheck> Quick(Tokenizer? tokenizer)
    {
        if (proof.Adapter is { } adapter)
            foreach (var check in new AdapterChecks(adapter, AdapterFolder.Open(folder)).Quick()) yield return check;
        foreach (var check in new BaseChecks(proof.Base, baseFolder, folder).Quick()) yield return check;
        if (TokenizerCheck(tokenizer) is { } last) yield return last;
    }

    /// <summary>Refuses what <see cref="Quick"/> finds wrong, before a model is loaded.</summary>
    /// <exception cref="PeftException">A check failed; its sentence says which and what to do.</exception>
    public void Require(Tokenizer? tokenizer)
    {
        foreach (var check in Quick(tokenizer))
            if (check.Result == CheckResult.Fail) throw new PeftException(check.Sentence);
    }

    /// <summary>Every byte of the weights: as long as reading them takes.</summary>
    public IEnumerable<ProofCheck> Content()
    {
        if (proof.Adapter is { } adapter) yield return new AdapterChecks(adapter, AdapterFolder.Open(folder)).Content();
        yield return new BaseChecks(proof.Base, baseFolder, folder).Content();
    }

    /// <summary>The probes, asked again: the token ids of their texts, and the answers.</summary>
    /// <param name="model">The base with the adapter, or the merged model.</param>
    /// <param name="selection">The adapter, or none for a merged model.</param>
    /// <param name="tokenizer">The tokenizer, or null.</param>
    /// <exception cref="PeftException">A probe does not fit the model.</exception>
    public IEnumerable<ProofCheck> Probes(PeftModel model, AdapterSelection selection, Tokenizer? tokenizer)
    {
        if (tokenizer is not null && proof.Probes.Any(p => p.Text is not null)) yield return TokenIds(model, tokenizer);
        yield return Answers("probes, answers", model, selection);
    }

    /// <summary>The probes' answers beside those of a model that should give the same.</summary>
    public ProofCheck Answers(string name, PeftModel model, AdapterSelection selection)
    {
        var stored = proof.Base.Weights with { Tensors = Stored() };
        var precision = ProofPrecision.Of(model.Model, stored);
        var (tolerance, reason) = ProofPrecision.Between(proof.Precision, precision);
        var distance = Probing.Distance(proof.Probes, Probing.Answer(model, selection, proof.Probes));
        var (expected, found) = (
            FormattableString.Invariant($"within {tolerance:0e+0} ({reason})"),
            FormattableString.Invariant($"{distance:0.0e+0} apart, {precision}"));
        return distance <= tolerance ? ProofCheck.Pass(name, expected, found) : new(name, expected, found, CheckResult.Fail,
            $"{folder} answers {proof.Probes.Count} probes otherwise than its proof says: "
                + FormattableString.Invariant($"{distance:0.0e+0} apart where {tolerance:0e+0} is allowed"),
            "use the base, the adapter and the precision that it was made with");
    }

    private Dictionary<string, TensorPrint> Stored()
    {
        using var checkpoint = Checkpoint.Open(baseFolder);
        var names = new StoredNames(checkpoint);
        return proof.Base.Weights.Tensors.ToDictionary(
            t => t.Key, t => names.Find(t.Key) is { } found ? t.Value with { Dtype = found.TypeName } : t.Value);
    }

    private ProofCheck? TokenizerCheck(Tokenizer? tokenizer)
    {
        const string name = "tokenizer";
        if (proof.Tokenizer is not { } expected) return null;
        if (tokenizer is null)
            return new(
                name, TensorHash.Short(expected), "none", CheckResult.Note,
                $"{baseFolder} has no tokenizer, so that only rows of token ids can be answered");
        return tokenizer.Fingerprint == expected
            ? ProofCheck.Pass(name, TensorHash.Short(expected))
            : new(name, TensorHash.Short(expected), TensorHash.Short(tokenizer.Fingerprint), CheckResult.Fail,
            $"the tokenizer of {baseFolder} is another one than {folder} was made with: it turns texts into other token ids",
            "put the files of the right tokenizer there");
    }

    private ProofCheck TokenIds(PeftModel model, Tokenizer tokenizer)
    {
        const string name = "probes, token ids";
        var now = Probing.Questions(model.Model, tokenizer).ToDictionary(p => p.Text ?? "", p => p.InputIds);
        var asked = proof.Probes.Where(p => p.Text is not null && now.ContainsKey(p.Text)).ToList();
        var other = asked.Find(p => !now[p.Text!].SequenceEqual(p.InputIds));
        return other is null ? ProofCheck.Pass(name, $"{asked.Count} texts") : new(name, "as saved", "other ids", CheckResult.Fail,
            $"the tokenizer of {baseFolder} turns {Quoted.Name(other.Text!)} into [{string.Join(", ", now[other.Text!].Take(8))} …], not "
            + $"[{string.Join(", ", other.InputIds.Take(8))} …]",
            "put the files of the right tokenizer there");
    }
}
