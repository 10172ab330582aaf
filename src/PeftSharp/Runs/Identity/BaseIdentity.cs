using System.Security.Cryptography;
using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Tokenization;
using TorchSharp;
using static TorchSharp.torch;
using Encoding = System.Text.Encoding;

namespace PeftSharp.Runs.Identity;

/// <summary>Which base a run was trained on, to the last byte.</summary>
internal static class BaseIdentity
{
    private const int Digits = 16;

    /// <summary>Fields of a run's identity that a model folder's files give: configuration, weights, tokenizer.</summary>
    /// <param name="folder">The folder that the model was loaded from.</param>
    public static IEnumerable<KeyValuePair<string, string>> OfFolder(string folder)
    {
        if (File.Exists(folder))
        {
            yield return new("file of the base", $"SHA-256 {FileDigest.Of(folder, FileDigest.DefaultCache)[..Digits]}");
            yield break;
        }
        yield return new("config.json of the base", Digest(folder, ["config.json"]));
        yield return new(
            "weights of the base",
            Digest(folder, [.. Files(folder, "*.safetensors"), .. Files(folder, "*.safetensors.index.json"), .. Files(folder, "*.gguf")]));
        yield return new(
            "tokenizer of the base", Digest(folder, [.. TokenizerFiles.Names.Where(n => File.Exists(Path.Combine(folder, n)))]));
    }

    /// <summary>The same of a model that came from no folder: a digest of every value as it is in memory.</summary>
    public static string InMemory(PeftModel model)
    {
        using var guard = no_grad();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var slot in model.Model.Sites.Slots)
        {
            using var scope = NewDisposeScope();
            var value = slot.Value.detach().cpu().contiguous();
            hash.AppendData(Encoding.UTF8.GetBytes($"{slot.Name} {value.dtype} {string.Join(',', value.shape)}\n"));
            hash.AppendData(value.bytes);
        }
        return $"SHA-256 {Convert.ToHexStringLower(hash.GetHashAndReset())[..Digits]}";
    }

    /// <summary>How frozen weights are kept, for example <c>nf4 in blocks of 64</c>.</summary>
    public static string Precision(PeftModel model) => string.Join(", ", model.Model.Sites.Projections
        .Select(p => p.Weight.Base)
        .Select(w => Quantization.Of(w)?.Text ?? w.Kind)
        .Distinct().Order(StringComparer.Ordinal));

    private static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(folder, pattern).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal);

    private static string Digest(string folder, IReadOnlyList<string> names)
    {
        if (names.Count == 0) return "none";
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in names)
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} {FileDigest.Of(Path.Combine(folder, name), FileDigest.DefaultCache)}\n"));
        return $"SHA-256 {Convert.ToHexStringLower(hash.GetHashAndReset())[..Digits]}";
    }
}
