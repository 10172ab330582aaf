using PeftSharp.Interop;
using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.VbLora;

/// <summary>
/// Scores of which only those that count are kept: which they are, and their shares, the last of which follows from the others.
/// </summary>
internal static class MixedScores
{
    private const string IndexEnd = "_topk_indices", ShareEnd = "_topk_weights";

    /// <summary>The two tensors that are saved for scores [.., vectors].</summary>
    public static IEnumerable<KeyValuePair<string, Tensor>> Encode(string key, Tensor scores, int mixed)
    {
        var (best, index) = scores.detach().topk(mixed);
        yield return new(key + IndexEnd, index.to(IndexType(scores.shape[^1])));
        yield return new(key + ShareEnd, best.softmax(-1).narrow(-1, 0, mixed - 1).contiguous());
    }

    /// <summary>Scores that mix in the same way; those that do not count are infinitely low.</summary>
    /// <exception cref="PeftException">A tensor is missing or does not fit.</exception>
    public static Tensor Decode(IReadOnlyDictionary<string, Tensor> saved, string key, long[] shape, int mixed, string file)
    {
        long[] outer = shape[..^1];
        var index = Required(saved, key + IndexEnd, [.. outer, mixed], file).to(ScalarType.Int64);
        var shares = Required(saved, key + ShareEnd, [.. outer, mixed - 1], file);
        var (lowest, highest) = (index.min().item<long>(), index.max().item<long>());
        if (lowest < 0 || highest >= shape[^1])
            throw new PeftException(
                $"{file}: tensor \"{key}{IndexEnd}\" names the vectors {lowest} to {highest}; expected 0 to {shape[^1] - 1}: save the "
                + "adapter again.");
        var last = shares.sum(-1, keepdim: true).Complement();
        var scores = Arithmetic.Filled(shape, double.NegativeInfinity, shares.dtype, shares.device);
        return scores.scatter(-1, index, cat([shares, last], -1).log());
    }

    /// <summary>The names of the two.</summary>
    public static IReadOnlyList<string> Names(string key) => [key + IndexEnd, key + ShareEnd];

    /// <summary>True if a saved tensor is one of the two.</summary>
    public static bool Is(string key) =>
        key.EndsWith(IndexEnd, StringComparison.Ordinal) || key.EndsWith(ShareEnd, StringComparison.Ordinal);

    private static Tensor Required(IReadOnlyDictionary<string, Tensor> saved, string key, long[] shape, string file)
    {
        SavedTensor.Require(saved, key, shape, file);
        return saved[key];
    }

    private static ScalarType IndexType(long vectors) => vectors switch
    {
        < 1 << 8 => ScalarType.Byte,
        < 1 << 15 => ScalarType.Int16,
        _ => ScalarType.Int32,
    };
}
