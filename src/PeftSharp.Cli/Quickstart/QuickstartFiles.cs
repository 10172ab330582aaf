using System.Security.Cryptography;
using System.Text;

namespace PeftSharp.Cli.Quickstart;

/// <summary>What the quickstart brings along, beside the program.</summary>
internal static class QuickstartFiles
{
    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "quickstart");

    /// <summary>The base model: all-MiniLM-L6-v2 in 4 bits.</summary>
    public static string Model { get; } = Path.Combine(Root, "model");

    /// <summary>The sentences to learn from.</summary>
    public static string Train { get; } = Path.Combine(Root, "data", "train.tsv");

    /// <summary>The held-out sentences.</summary>
    public static string Test { get; } = Path.Combine(Root, "data", "test.tsv");

    private static string Weights => Path.Combine(Model, "model.safetensors");

    /// <summary>Refuses an incomplete installation.</summary>
    public static void Check()
    {
        foreach (var file in (string[])[Weights, Train, Test])
            if (!File.Exists(file))
                throw new PeftException(
                    $"{file} is missing, so the quickstart has nothing to train on; install or build the program again.");
    }

    /// <summary>SHA-256 of model, data and settings: an earlier run with the same one need not be repeated.</summary>
    public static string Fingerprint(string settings)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in (string[])[Weights, Path.Combine(Model, "config.json"), Path.Combine(Model, "tokenizer.json"), Train, Test])
            hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
        hash.AppendData(Encoding.UTF8.GetBytes(settings));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
