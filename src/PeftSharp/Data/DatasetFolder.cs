using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>A folder of dataset files whose names, or whose folders' names, say which part of the data they are.</summary>
/// <remarks>The words are those of Hugging Face datasets: train, training; validation, valid, val, dev; test, testing, eval, evaluation;
/// they stand alone between separators and digits (<c>train-00000-of-00002.parquet</c>, <c>data/dev/a.jsonl</c>). Without any of
/// them all files are training rows. Hidden files and files of other extensions are left out.</remarks>
public sealed class DatasetFolder
{
    private readonly Dictionary<GlueSplit, IReadOnlyList<string>> _parts;

    private DatasetFolder(string path, Dictionary<GlueSplit, IReadOnlyList<string>> parts) => (Path, _parts) = (path, parts);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The files of each part that the folder holds, in the order of their rows.</summary>
    public IReadOnlyDictionary<GlueSplit, IReadOnlyList<string>> Parts => _parts;

    /// <summary>Finds the parts of a folder.</summary>
    /// <exception cref="PeftException">There is no such folder or no dataset file in it, a part is there twice, or a numbered file is
    /// missing.</exception>
    public static DatasetFolder Open(string path)
    {
        if (!Directory.Exists(path)) throw new PeftException($"The folder {path} does not exist; check its path.");
        var files = FilePattern.DataFiles(path).ToList();
        var parts = files.Select(file => SplitName.Of(path, file)).OfType<SplitName>().GroupBy(name => name.Split).ToDictionary(
            part => part.Key,
            part => SplitName.Check(path, [.. part]));
        if (parts.Count == 0)
        {
            var rows = files.Where(file => !IsAccompanying(file)).Select(file => System.IO.Path.Combine(path, file)).ToList();
            if (rows.Count == 0)
                throw new PeftException(
                    $"{path} holds no dataset file (.tsv, .txt, .csv, .jsonl, .json, .parquet, or all but the last with .gz behind); "
                    + "check its path.");
            parts[GlueSplit.Train] = rows;
        }
        return new DatasetFolder(path, parts);
    }

    /// <summary>Reads a part.</summary>
    /// <exception cref="PeftException">The folder has no such part, its files differ in their columns, or a file cannot be
    /// read.</exception>
    public TextDataset Load(GlueSplit split, DataOptions? options = null)
    {
        if (!_parts.TryGetValue(split, out var files))
            throw new PeftException(
                $"{Path} has no {GlueFolder.Describe(split)} part, only {string.Join(" and ", _parts.Keys.Select(GlueFolder.Describe))}; "
                + "name a part that it has, or a file.");
        return TextDataset.Load(
            files, files.Count == 1 ? files[0] : $"{Path} ({GlueFolder.Describe(split)}, {files.Count} files)", options);
    }

    // What lies beside data and has an extension of data.
    private static bool IsAccompanying(string file)
    {
        var name = System.IO.Path.GetFileNameWithoutExtension(file).ToLowerInvariant();
        return name is "readme" or "license" or "sources" or "dataset_info" or "dataset_infos" or "state" or "labels"
            || name.EndsWith("config", StringComparison.Ordinal);
    }
}
