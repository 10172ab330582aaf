namespace PeftSharp.Data;

/// <summary>Opening dataset files, with sentences for what can be wrong.</summary>
internal static class DataFile
{
    public static FileStream Open(string path)
    {
        if (Directory.Exists(path)) throw new PeftException($"{path} is a folder, expected a dataset file; name a file in it.");
        if (!File.Exists(path)) throw new PeftException($"The dataset file {path} does not exist; check its path.");
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
        var extension = Path.GetExtension(path).ToLowerInvariant();
        return extension switch
        {
            ".tsv" or ".txt" or ".tab" => DataFormat.Tsv,
            ".csv" => DataFormat.Csv,
            ".jsonl" or ".ndjson" or ".json" => DataFormat.Json,
            _ => throw new PeftException(
                $"The format of {path} cannot be told from its extension '{extension}' (.tsv, .txt, .csv, .jsonl or .json can); set the format."),
        };
    }
}
