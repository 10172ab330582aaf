namespace PeftSharp.Files;

/// <summary>Names of files that more than one part of the library looks for.</summary>
internal static class KnownFiles
{
    /// <summary>What a model folder may hold of a tokenizer.</summary>
    public static readonly string[] Tokenizer =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt",
        "chat_template.jinja", "tokenizer.model", "spiece.model",
    ];

    /// <summary>Tensors that adapters of several tasks read: beside an adapter's own, or in the folder above.</summary>
    public const string Shared = "prototype.safetensors";

    /// <summary>What an adapter's settings call the SHA-256 of that file.</summary>
    public const string SharedHash = "prototype_sha256";

    /// <summary>What an adapter answers and on what base, beside the adapter.</summary>
    public const string Proof = "peft_proof.json";

    /// <summary>
    /// Where the tensors lie that an adapter's folder shares with other tasks: in it or, as a joint run writes them once for all tasks,
    /// in the folder above. Where neither has them, where they would lie in it.
    /// </summary>
    public static string SharedOf(string folder)
    {
        var own = Path.Combine(folder, Shared);
        var above = Directory.GetParent(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        if (File.Exists(own) || above is null) return own;
        var outer = Path.Combine(above.FullName, Shared);
        return File.Exists(outer) ? outer : own;
    }
}
