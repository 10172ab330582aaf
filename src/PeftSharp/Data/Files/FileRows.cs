namespace PeftSharp.Data.Files;

/// <summary>The rows of one dataset file, whatever its format.</summary>
internal static class FileRows
{
    public static IEnumerable<RawExample> Read(string path, DataOptions options, BadRows bad, SharedColumns shared) =>
        DataFile.FormatOf(path, options.Format) switch
        {
            DataFormat.Csv => DelimitedReader.Read(path, DelimitedLayout.Rows(path, DataFormat.Csv, options, shared), options, bad, shared),
            DataFormat.Json => JsonReader.Read(path, JsonRows.Read(path, options), options, bad, shared),
            DataFormat.Parquet => ParquetReader.Read(path, options, bad, shared),
            _ => DelimitedReader.Read(path, DelimitedLayout.Rows(path, DataFormat.Tsv, options, shared), options, bad, shared),
        };
}
