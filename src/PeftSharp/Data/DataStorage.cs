namespace PeftSharp.Data;

/// <summary>Where the rows of a dataset are kept: in memory up to a limit, beyond it in files that vanish with the program.</summary>
/// <remarks>Disk need: the UTF-8 text of the columns that are read, and 4 bytes a token (5 where pairs give segments).
/// About 40 bytes a row stay in memory.</remarks>
public sealed record DataStorage
{
    /// <summary>Bytes of rows, and as many of tokens, that are kept in memory. Default: 256 MiB.</summary>
    public long MemoryBytes { get; init; } = 256L << 20;

    /// <summary>The folder of the files. Default: <c>peftsharp/scratch</c> in the user's folder for caches (XDG_CACHE_HOME; %LOCALAPPDATA%
    /// on Windows): a folder for temporary files may be memory itself.</summary>
    public string? Folder { get; init; }
}
