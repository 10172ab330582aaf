using System.Security.Cryptography;
using System.Text.Json;
using PeftSharp.Files;
using PeftSharp.Files.Gguf;
using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Gguf;
using PeftSharp.Tokenization.Settings;

namespace PeftSharp.Tokenization;

/// <summary>The bytes of a tokenizer's files, read once: what is saved is what was read, whatever became of the folder.</summary>
internal sealed class TokenizerFiles
{
    /// <summary>The whole pipeline in one file.</summary>
    public const string Json = "tokenizer.json";

    /// <summary>SentencePiece models; T5's has a name of its own.</summary>
    public static readonly string[] PieceModels = ["tokenizer.model", "spiece.model"];

    private const long LargestFile = 256L << 20;

    /// <summary>What a model folder may hold of a tokenizer.</summary>
    public static readonly string[] Names = KnownFiles.Tokenizer;

    private static readonly string[] parts = ["added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"];

    private readonly string folder;
    private readonly Dictionary<string, byte[]> files = [];

    private TokenizerFiles(string folder) => this.folder = folder;

    /// <summary>Reads what a model folder, or the folder of a tokenizer.json, has of a tokenizer.</summary>
    public static TokenizerFiles Read(string folderOrFile)
    {
        if (Directory.Exists(folderOrFile))
        {
            var all = new TokenizerFiles(folderOrFile);
            all.ReadNamed();
            return all.files.Keys.Any(IsWhole) || GgufPath.Find(folderOrFile) is not { } only ? all : FromGguf(only);
        }
        if (GgufPath.Is(folderOrFile))
        {
            return FromGguf(folderOrFile);
        }
        if (!File.Exists(folderOrFile))
        {
            throw new PeftException($"There is nothing at {folderOrFile}, where a tokenizer was expected: name a model folder or a "
                + "tokenizer.json.");
        }
        var isPieces = folderOrFile.EndsWith(".model", StringComparison.OrdinalIgnoreCase);
        if (!isPieces && !folderOrFile.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            throw new PeftException($"{folderOrFile} is not a .json file (nor a .model): name a tokenizer.json, a tokenizer.model, or the "
                + "folder that "
                + "vocab.txt, or vocab.json and merges.txt, are in.");
        }
        var one = new TokenizerFiles(Path.GetDirectoryName(Path.GetFullPath(folderOrFile))!);
        one.ReadNamed();
        if (isPieces)
        {
            one.files.Remove(Json);
        }
        one.files[isPieces ? PieceModels[0] : Json] = ReadBounded(folderOrFile);
        return one;
    }

    /// <summary>Whether a folder, or a GGUF file, has a tokenizer.</summary>
    public static bool Has(string folderOrFile) => Names.Any(name => IsWhole(name) && File.Exists(Path.Combine(folderOrFile, name)))
        || GgufPath.Find(folderOrFile) is { } gguf && GgufTokenizerFiles.Are(gguf);

    // A file that a tokenizer can be made of; vocab.json and merges.txt are two halves.
    private static bool IsWhole(string name) => name == Json || name == "vocab.txt" || name == "merges.txt" || PieceModels.Contains(name);

    private static TokenizerFiles FromGguf(string path)
    {
        var read = new TokenizerFiles(path);
        foreach (var (name, bytes) in GgufTokenizerFiles.Of(path))
        {
            read.files[name] = bytes;
        }
        return read;
    }

    /// <summary>The bytes of a file, or null if the folder lacks it.</summary>
    public byte[]? Find(string name) => files.GetValueOrDefault(name);

    /// <summary>How to name a file in an error.</summary>
    public string PathOf(string name) => Path.Combine(folder, name);

    /// <summary>A JSON file of the folder, or null if the folder lacks it; its parsed form lives for <paramref name="read"/>.</summary>
    public T? WithJson<T>(string name, Func<JsonField, T?> read)
    {
        if (Find(name) is not { } bytes)
        {
            return default;
        }
        using var document = JsonField.Parse(PathOf(name), bytes);
        return read(JsonField.Root(PathOf(name), document));
    }

    /// <summary>Names and lengths in bytes of the files that <see cref="Save"/> writes.</summary>
    public IReadOnlyList<KeyValuePair<string, long>> Lengths => [.. files.Select(f => KeyValuePair.Create(f.Key, f.Value.LongLength))];

    /// <summary>Writes the files as they were read; each appears whole or not at all.</summary>
    public void Save(string target)
    {
        Directory.CreateDirectory(target);
        foreach (var (name, bytes) in files)
        {
            var partial = Path.Combine(target, $"{name}.{Path.GetRandomFileName()}");
            File.WriteAllBytes(partial, bytes);
            File.Move(partial, Path.Combine(target, name), overwrite: true);
        }
    }

    /// <summary>SHA-256, in lower-case hex, of the parts of a tokenizer.json that decide ids and text, free of layout.</summary>
    public static string Fingerprint(JsonElement pipeline, TokenizerSettings settings)
    {
        using var hashed = new MemoryStream();
        using (var writer = new Utf8JsonWriter(hashed))
        {
            writer.WriteStartObject();
            foreach (var name in parts)
            {
                if (pipeline.TryGetProperty(name, out var part))
                {
                    writer.WritePropertyName(name);
                    part.WriteTo(writer);
                }
            }
            WriteSettings(writer, settings);
            writer.WriteEndObject();
        }
        return Convert.ToHexStringLower(SHA256.HashData(hashed.GetBuffer().AsSpan(0, (int)hashed.Length)));
    }

    // Only what is not as usual, so that other tokenizers keep the fingerprints that they had.
    private static void WriteSettings(Utf8JsonWriter writer, TokenizerSettings settings)
    {
        foreach (var (name, set) in new[] { ("truncate_left", settings.TruncateLeft), ("split_special", settings.SplitSpecialTokens),
            ("no_types", settings.WithoutTypeIds) })
        {
            if (set)
            {
                writer.WriteBoolean(name, true);
            }
        }
    }

    private void ReadNamed()
    {
        foreach (var name in Names)
        {
            if (File.Exists(PathOf(name)))
            {
                files[name] = ReadBounded(PathOf(name));
            }
        }
    }

    private static byte[] ReadBounded(string path) => RegularFile.Bytes(path, LargestFile);
}
