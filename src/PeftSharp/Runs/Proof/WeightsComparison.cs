using PeftSharp.Files;

namespace PeftSharp.Runs.Proof;

/// <summary>A fingerprint's tensors beside those that are there.</summary>
internal sealed class WeightsComparison
{
    // Half the distance of two neighbours in bfloat16, generously; below the second, float16 has no digits left.
    private const float Relative = 1f / 128, Smallest = 1e-4f;

    private readonly string _first = "";

    private WeightsComparison(WeightsPrint expected, Func<string, StoredTensor?> find)
    {
        using var bytes = new StoredBytes();
        foreach (var (name, print) in expected.Tensors)
        {
            var found = find(name);
            if (found is not null) Found.Add(found);
            var actual = found is null ? null : TensorHash.Sample(found, bytes);
            if (actual is not null && actual.Digest == print.Digest && actual.Form == print.Form) continue;
            if (actual is not null && IsRounded(print, actual))
            {
                Rounded++;
                RoundedTo = actual.Dtype;
                continue;
            }
            if (Different++ == 0) _first = First(name, print, actual);
        }
        Count = expected.Tensors.Count;
    }

    public List<StoredTensor> Found { get; } = [];

    public int Count { get; }

    /// <summary>Tensors with other bytes of the same type, of another shape, or missing.</summary>
    public int Different { get; }

    /// <summary>Tensors that look like the same numbers in another floating-point type.</summary>
    public int Rounded { get; }

    public string RoundedTo { get; } = "";

    /// <summary>A clause on what differs.</summary>
    public string Difference => $"{Different} of {Count} tensors differ, the first is {_first}";

    public static WeightsComparison Of(WeightsPrint expected, Func<string, StoredTensor?> find) => new(expected, find);

    private static string First(string name, TensorPrint expected, TensorPrint? actual) => Quoted.Name(name) + (
        actual is null ? ", which is missing" : actual.Form == expected.Form ? "" : $", {actual.Form} in place of {expected.Form}");

    private static bool IsRounded(TensorPrint expected, TensorPrint actual) =>
        expected.Dtype != actual.Dtype && expected.Shape.SequenceEqual(actual.Shape) && expected.Values.Count > 0
        && expected.Values.Count == actual.Values.Count
        && expected.Values.Zip(actual.Values).All(p => Math.Abs(p.First - p.Second) <= Math.Max(Smallest, Relative * Math.Abs(p.First)));
}
