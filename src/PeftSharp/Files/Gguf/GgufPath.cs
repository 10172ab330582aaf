namespace PeftSharp.Files.Gguf;

/// <summary>Finds the GGUF file that a path means.</summary>
internal static class GgufPath
{
    /// <summary>Whether a path is a GGUF file, by its name or its first bytes.</summary>
    public static bool Is(string path)
    {
        if (!File.Exists(path)) return false;
        if (path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) return true;
        try
        {
            using var file = RegularFile.Open(path);
            Span<byte> start = stackalloc byte[4];
            return file.ReadAtLeast(start, 4, throwOnEndOfStream: false) == 4 && start.SequenceEqual("GGUF"u8);
        }
        catch (Exception e) when (e is PeftException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The file itself, or the only one of a folder; null if there is none.</summary>
    /// <exception cref="PeftException">The folder holds several.</exception>
    public static string? Find(string path)
    {
        if (!Directory.Exists(path)) return Is(path) ? path : null;
        var found = Directory.EnumerateFiles(path).Where(file => file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal).ToList();
        return found.Count <= 1 ? found.FirstOrDefault()
            : throw new PeftException($"{path} holds {found.Count} GGUF files "
                + $"({string.Join(", ", found.Take(4).Select(file => Path.GetFileName(file)))}{(found.Count > 4 ? ", …" : "")}); name the "
                + "one that is meant.");
    }
}
