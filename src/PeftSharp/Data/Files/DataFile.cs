namespace PeftSharp.Data.Files;

/// <summary>Opening dataset files, with sentences for what can be wrong.</summary>
internal static class DataFile
{
    private static readonly Dictionary<string, DataFormat> Formats = new(StringComparer.OrdinalIgnoreCase)
    {
        [".tsv"] = DataFormat.Tsv,
        [".txt"] = DataFormat.Tsv,
        [".tab"] = DataFormat.Tsv,
        [".csv"] = DataFormat.Csv,
        [".jsonl"] = DataFormat.Json,
        [".ndjson"] = DataFormat.Json,
        [".json"] = DataFormat.Json,
        [".parquet"] = DataFormat.Parquet,
    };

    /// <summary>Opens the content of a file: what is packed with gzip is unpacked on the way.</summary>
    public static Stream Open(string path, DataOptions options)
    {
        var stream = OpenRaw(path);
        Span<byte> magic = stackalloc byte[2];
        var packed = stream.ReadAtLeast(magic, 2, throwOnEndOfStream: false) == 2 && magic.SequenceEqual(GzipMembers.Magic);
        stream.Position = 0;
        if (magic is [0xFF, 0xFE] or [0xFE, 0xFF])
        {
            stream.Dispose();
            throw new PeftException($"{path}, line 1: the file is UTF-16, expected UTF-8; save it as UTF-8.");
        }
        if (packed == IsPacked(path)) return packed ? new GzipMembers(stream, path, options.MaxExpansion) : stream;
        stream.Dispose();
        throw new PeftException(packed
            ? $"{path} is packed with gzip, which its name does not say; rename it to {Path.GetFileName(path)}.gz."
            : $"{path} is no gzip file (it starts with bytes 0x{magic[0]:X2} 0x{magic[1]:X2}, not 0x1F 0x8B); pack it, or take \".gz\" "
                + "off its name.");
    }

    /// <summary>Opens the bytes of a file as they are.</summary>
    public static FileStream OpenRaw(string path)
    {
        if (Directory.Exists(path)) throw new PeftException($"{path} is a folder, expected a dataset file; name a file in it.");
        if (!File.Exists(path)) throw new PeftException($"The dataset file {path} does not exist; check its path.");
        if (!FileKind.IsRegular(path))
            throw new PeftException(
                $"{path} is a device or a pipe, expected a dataset file: it is read more than once; write its content to a file first.");
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"The dataset file {path} cannot be read: {e.Message.TrimEnd('.')}.", e);
        }
        if (stream.Length > 0) return stream;
        stream.Dispose();
        throw new PeftException($"The dataset file {path} is empty (0 bytes), expected at least one row; check that it was written fully.");
    }

    public static DataFormat FormatOf(string path, DataFormat format)
    {
        if (format != DataFormat.Auto) return format;
        return TryFormat(path) ?? throw new PeftException(
            $"The format of {path} cannot be told from its extension '{Path.GetExtension(Unpacked(path)).ToLowerInvariant()}' "
            + "(.tsv, .txt, .csv, .jsonl, .json or .parquet can, and all but the last with .gz behind); set the format.");
    }

    /// <summary>The format that a file's name tells; null if it tells none.</summary>
    public static DataFormat? TryFormat(string path)
    {
        var found = Formats.TryGetValue(Path.GetExtension(Unpacked(path)), out var format);
        return found && !(format == DataFormat.Parquet && IsPacked(path)) ? format : null;
    }

    /// <summary>The name without ".gz".</summary>
    public static string Unpacked(string path) => IsPacked(path) ? path[..^3] : path;

    private static bool IsPacked(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
}
