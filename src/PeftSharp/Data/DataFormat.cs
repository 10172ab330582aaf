namespace PeftSharp.Data;

/// <summary>How a dataset file is laid out.</summary>
public enum DataFormat
{
    /// <summary>By the file's extension: .tsv, .txt and .tab are tab separated; .csv; .jsonl, .ndjson and .json; .parquet. All but the
    /// last may have .gz behind, and are unpacked then.</summary>
    Auto,

    /// <summary>Tab separated, without quoting (see <see cref="DataOptions.Quoted"/>).</summary>
    Tsv,

    /// <summary>
    /// Comma separated, quoted as in RFC 4180. Where the first lines show that semicolons, tabs or bars separate, these do.
    /// </summary>
    Csv,

    /// <summary>One JSON object a line, or one JSON array of objects.</summary>
    Json,

    /// <summary>Apache Parquet: columns of strings, numbers, booleans and lists of integers.</summary>
    Parquet,
}
