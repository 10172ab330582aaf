using PeftSharp.Files;
using PeftSharp.Models;

namespace PeftSharp.Runs.Proof;

/// <summary>A base model's folder beside the fingerprint of the base that an adapter was made on.</summary>
/// <param name="fingerprint">The fingerprint.</param>
/// <param name="folder">The folder that is to be used.</param>
/// <param name="owner">The adapter's folder, or the merged model's own.</param>
internal sealed class BaseChecks(BaseFingerprint fingerprint, string folder, string owner)
{
    private bool IsMerged => folder == owner;

    private string Advice => IsMerged ? "merge the adapter again" : "give the base that the adapter was trained on";

    /// <summary>The configuration and samples of the weights: milliseconds.</summary>
    public IEnumerable<ProofCheck> Quick()
    {
        yield return Config();
        using var checkpoint = Checkpoint.Open(folder);
        yield return Samples(WeightsComparison.Of(fingerprint.Weights, new StoredNames(checkpoint).Find));
    }

    /// <summary>Every byte of the weights.</summary>
    public ProofCheck Content()
    {
        using var checkpoint = Checkpoint.Open(folder);
        var comparison = WeightsComparison.Of(fingerprint.Weights, new StoredNames(checkpoint).Find);
        const string name = "base, every byte";
        if (comparison.Rounded > 0)
            return new(
                name, TensorHash.Short(fingerprint.Weights.Sha256), $"stored as {comparison.RoundedTo}", CheckResult.Note,
                $"{folder} cannot be compared byte for byte: it is stored in another precision");
        return ContentCheck(
            name, fingerprint.Weights, comparison.Found, $"{folder} holds other weights than {Was}: the samples agree, but not every byte",
            Advice);
    }

    public static ProofCheck ContentCheck(string name, WeightsPrint expected, IEnumerable<StoredTensor> tensors, string fact, string advice)
    {
        var hash = TensorHash.Content(tensors);
        var (want, found) = (TensorHash.Short(expected.Sha256), TensorHash.Short(hash));
        return hash == expected.Sha256 ? ProofCheck.Pass(name, want) : new(name, want, found, CheckResult.Fail, fact, advice);
    }

    private string Was => IsMerged ? "were written when it was merged" : $"those that {owner} was made on";

    // Only fields that both have: tools add and drop fields that have a default.
    private ProofCheck Config()
    {
        const string name = "base, config.json";
        var found = BaseFingerprint.FieldsOf(ModelConfig.Read(folder));
        foreach (var (field, expected) in fingerprint.Config)
            if (found.TryGetValue(field, out var actual) && JsonDifference.Find(expected, actual, field) is { } difference)
                return new(name, $"{field} {difference.Expected}", $"{field} {difference.Actual}", CheckResult.Fail,
                    $"{Path.Combine(folder, "config.json")}: \"{field}\" is {difference.Actual}, but {owner} was made on a base with "
                    + $"{difference.Expected}",
                    Advice);
        return ProofCheck.Pass(name, $"{fingerprint.Config.Count} fields");
    }

    private ProofCheck Samples(WeightsComparison comparison)
    {
        const string name = "base, samples";
        var expected = $"{comparison.Count} tensors";
        if (comparison.Different > 0)
            return new(
                name, expected, $"{comparison.Different} differ", CheckResult.Fail,
                $"{folder} holds other weights than {Was}: {comparison.Difference}", Advice);
        if (comparison.Rounded > 0)
            return new(name, expected, $"stored as {comparison.RoundedTo}", CheckResult.Note,
                $"{folder} looks like the base that {owner} was made on, stored as {comparison.RoundedTo}: answers differ by rounding");
        return ProofCheck.Pass(name, expected);
    }
}
