using PeftSharp.Files;
using PeftSharp.Formats;
namespace PeftSharp.Runs.Proof;

/// <summary>An adapter's folder beside the fingerprint that was taken when it was saved.</summary>
internal sealed class AdapterChecks(AdapterFingerprint fingerprint, AdapterFolder folder)
{
    // Above it a load compares samples alone.
    private const long SmallBytes = 64 << 20;

    private const string Advice = "restore the file, or if the change is meant write the proof anew with \"peft verify --write\"";

    /// <summary>The settings, and the weights: every byte where they are few, samples of them where they are many.</summary>
    public IEnumerable<ProofCheck> Quick()
    {
        yield return Settings();
        var samples = Samples();
        yield return samples;
        if (samples.Result == CheckResult.Pass && AdapterFingerprint.Tensors(folder).Sum(t => t.Info.ByteLength) <= SmallBytes)
            yield return Content();
    }

    /// <summary>Every byte of the weights.</summary>
    public ProofCheck Content() =>
        BaseChecks.ContentCheck(
            "adapter, every byte", fingerprint.Weights, AdapterFingerprint.Tensors(folder), Other("the samples agree, but not every byte"),
            Advice);

    private string Other(string how) => $"{folder.WeightsFile} holds other weights than when the adapter was saved: {how}";

    private ProofCheck Settings()
    {
        const string name = "adapter, settings";
        return JsonDifference.Find(fingerprint.Settings, AdapterFingerprint.SettingsOf(folder), "") is not { } difference
            ? ProofCheck.Pass(name, "as saved")
            : new(name, $"{difference.Path} {difference.Expected}", $"{difference.Path} {difference.Actual}", CheckResult.Fail,
                $"{folder.SettingsFile}: \"{difference.Path}\" is {difference.Actual}, but was {difference.Expected} when the adapter "
                + "was saved",
                Advice);
    }

    private ProofCheck Samples()
    {
        const string name = "adapter, samples";
        if (folder.SharedProblem() is { } problem)
            return new(
                name, $"{fingerprint.Weights.Tensors.Count} tensors", "none of what is shared", CheckResult.Fail, problem,
                AdapterFolder.SharedAdvice);
        var tensors = AdapterFingerprint.Tensors(folder).ToDictionary(t => t.Name, StringComparer.Ordinal);
        var comparison = WeightsComparison.Of(fingerprint.Weights, tensors.GetValueOrDefault);
        var different = comparison.Different + comparison.Rounded;
        var expected = $"{comparison.Count} tensors";
        if (comparison.Rounded > 0 && comparison.Different == 0)
            return new(
                name, expected, $"stored as {comparison.RoundedTo}", CheckResult.Note,
                $"{folder.WeightsFile} looks like the adapter's weights, stored as {comparison.RoundedTo}: answers differ by rounding");
        if (different > 0) return new(name, expected, $"{different} differ", CheckResult.Fail, Other(comparison.Difference), Advice);
        if (tensors.Keys.FirstOrDefault(t => !fingerprint.Weights.Tensors.ContainsKey(t)) is { } more)
            return new(
                name, expected, $"{tensors.Count} tensors", CheckResult.Fail, Other($"{Quoted.Name(more)} was not among them"), Advice);
        return ProofCheck.Pass(name, expected);
    }
}
