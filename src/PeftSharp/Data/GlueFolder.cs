namespace PeftSharp.Data;

/// <summary>Finds a GLUE task's files, and the task of a folder.</summary>
internal static class GlueFolder
{
    // The official name first; then samples and cuts, as people name them.
    private static readonly Dictionary<GlueSplit, string[]> Patterns = new()
    {
        [GlueSplit.Train] = ["train.tsv", "train*.tsv"],
        [GlueSplit.Dev] = ["dev.tsv", "dev_matched.tsv", "dev_matched*.tsv", "dev*.tsv", "validation*.tsv", "heldout*.tsv"],
        [GlueSplit.DevMismatched] = ["dev_mismatched.tsv", "dev_mismatched*.tsv", "validation_mismatched*.tsv"],
        [GlueSplit.Test] = ["test.tsv", "test_matched.tsv", "test*.tsv"],
    };

    public static GlueTask? Recognise(string folder)
    {
        if (!Directory.Exists(folder)) return null;
        if (FirstOf(folder) is not { } file) return null;
        return GlueTask.Find(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)))) ?? ByHeader(file);
    }

    public static string? FileOf(string folder, GlueSplit split)
    {
        if (!Directory.Exists(folder)) throw new PeftException($"The folder {folder} does not exist; check its path.");
        foreach (var files in Candidates(folder, split))
        {
            if (files.Length == 1) return files[0];
            if (files.Length > 1)
            {
                throw new PeftException(
                    $"{folder} holds several {Describe(split)} files ({string.Join(", ", files.Select(Path.GetFileName))}); keep one, or "
                    + $"name it {Patterns[split][0]}.");
            }
        }
        return null;
    }

    // A folder of shards has several: that it is no GLUE folder is not known yet.
    private static string? FirstOf(string folder) =>
        Candidates(folder, GlueSplit.Train).Concat(Candidates(folder, GlueSplit.Dev)).FirstOrDefault(files => files.Length > 0)?[0];

    private static IEnumerable<string[]> Candidates(string folder, GlueSplit split) =>
        Patterns[split].Select(pattern => Directory.GetFiles(folder, pattern)
        .Where(
            file => split == GlueSplit.DevMismatched || !Path.GetFileName(file).Contains("mismatched", StringComparison.OrdinalIgnoreCase))
        .Order(StringComparer.Ordinal).ToArray());

    public static string Describe(GlueSplit split) => split switch
    {
        GlueSplit.Train => "training",
        GlueSplit.Dev => "development",
        GlueSplit.DevMismatched => "mismatched development",
        _ => "test",
    };

    public static string Expected(GlueSplit split) => string.Join(" or ", Patterns[split].Where(pattern => !pattern.Contains('*')));

    // Only headers that no other task and hardly any other dataset has: the rest is told by the folder's name alone.
    private static GlueTask? ByHeader(string file)
    {
        if (LineReader.Read(file, new DataOptions { MaxLineBytes = 1 << 16 }).Take(1).SingleOrDefault().Text is not { } header) return null;
        var columns = header.Split('\t').ToHashSet(StringComparer.Ordinal);
        GlueTask[] distinct = [GlueTask.Mrpc, GlueTask.StsB, GlueTask.Qqp, GlueTask.Mnli, GlueTask.Qnli];
        return distinct.FirstOrDefault(task => columns.IsSupersetOf([task.Text, task.Pair!, task.Label])
            && (task != GlueTask.StsB || columns.Contains("genre")));
    }
}
