namespace PeftSharp.Data;

/// <summary>A column of a dataset's files.</summary>
/// <param name="Name">Its name; its number from 1 where the file has no header.</param>
/// <param name="Type">Its type as Hugging Face names it (string, int64, float64, bool, list&lt;int32&gt; …): of parquet what the file says,
/// elsewhere what fits the values of the first thousand rows; "null" where these have none.</param>
/// <param name="Role">What it is read as: text, pair, label, input_ids, token_type_ids or attention_mask; null if it is not read.</param>
public sealed record DatasetColumn(string Name, string Type, string? Role);
