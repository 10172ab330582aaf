using System.Globalization;
using System.Text.RegularExpressions;

namespace PeftSharp.Data.Files;

/// <summary>What a file's name, or that of a folder it lies in, says about the part of the data that it holds.</summary>
/// <param name="File">Path relative to the dataset's folder.</param>
/// <param name="Split">The part.</param>
/// <param name="Word">The word that says so.</param>
/// <param name="Place">What holds the word: the folder, or the name without its number; files of one part share it.</param>
internal sealed partial record SplitName(string File, GlueSplit Split, string Word, string Place)
{
    private static readonly Dictionary<string, GlueSplit> Words = new(StringComparer.OrdinalIgnoreCase)
    {
        ["train"] = GlueSplit.Train,
        ["training"] = GlueSplit.Train,
        ["validation"] = GlueSplit.Dev,
        ["valid"] = GlueSplit.Dev,
        ["val"] = GlueSplit.Dev,
        ["dev"] = GlueSplit.Dev,
        ["test"] = GlueSplit.Test,
        ["testing"] = GlueSplit.Test,
        ["eval"] = GlueSplit.Test,
        ["evaluation"] = GlueSplit.Test,
    };

    /// <summary>Understands a path; null if it says nothing. Folders count before the file's own name.</summary>
    public static SplitName? Of(string folder, string file)
    {
        var parts = file.Split(Path.DirectorySeparatorChar);
        for (var i = 0; i < parts.Length; i++)
        {
            var isFile = i == parts.Length - 1;
            var words = Separators().Split(isFile ? Stem(parts[i]) : parts[i]);
            var known = words.Where(Words.ContainsKey).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
            if (known.Select(word => Words[word]).Distinct().Count() > 1)
                throw new PeftException(
                    $"{Path.Combine(folder, file)}: \"{parts[i]}\" names two parts of the data ({string.Join(" and ", known)}); rename it, "
                    + "or give the files by a pattern.");
            if (known.Count == 0) continue;
            var split = Words[known[0]];
            // MNLI's second development part; its second test part has no labels and no use.
            if (words.Contains("mismatched", StringComparer.OrdinalIgnoreCase))
                return split == GlueSplit.Dev ? new(file, GlueSplit.DevMismatched, known[0], PlaceOf(parts, i)) : null;
            return new(file, split, known[0], PlaceOf(parts, i));
        }
        return null;
    }

    /// <summary>The files of one part in order; refuses a part that is there twice, or not whole.</summary>
    public static IReadOnlyList<string> Check(string folder, IReadOnlyList<SplitName> files)
    {
        var first = files[0];
        foreach (var other in files)
        {
            // By word: data/train and train.csv. By extension: train.csv and train.csv.gz.
            if (
                other.Word.Equals(first.Word, StringComparison.OrdinalIgnoreCase)
                    && Extension(other.File) == Extension(first.File)
                    && other.IsFolder == first.IsFolder)
                continue;
            throw new PeftException(
                $"{folder} holds the {GlueFolder.Describe(first.Split)} part twice: {first.File} and {other.File}; keep one of them, or "
                + "give the files by a pattern.");
        }
        foreach (var shards in files.Where(file => Shard().IsMatch(file.File)).GroupBy(file => Shard().Replace(file.File, "")))
            CheckShards(folder, [.. shards.Select(file => file.File)]);
        return [.. files.Select(file => Path.Combine(folder, file.File))];
    }

    private bool IsFolder => Place.EndsWith(Path.DirectorySeparatorChar);

    private static void CheckShards(string folder, IReadOnlyList<string> files)
    {
        var numbers = files.Select(file => Shard().Match(file)).Select(m => (Index: Number(m, 1), Count: Number(m, 2))).ToList();
        var count = numbers[0].Count;
        if (numbers.FindIndex(n => n.Count != count) is var odd and >= 0)
            throw new PeftException(
                $"{folder} holds numbered files of two writings: {files[0]} is one of {count}, {files[odd]} one of {numbers[odd].Count}; "
                + "remove the older ones.");
        if (files.Count == count) return;
        var missing = Enumerable.Range(0, count).Except(numbers.Select(n => n.Index)).FirstOrDefault();
        throw new PeftException(
            $"{folder} lacks the numbered file {missing} of {count} beside {files[0]} (they count from 0); copy all of them.");
    }

    private static int Number(Match match, int group) =>
        int.Parse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    private static string PlaceOf(string[] parts, int at) => at < parts.Length - 1
        ? string.Join(Path.DirectorySeparatorChar, parts[..(at + 1)]) + Path.DirectorySeparatorChar
        : string.Join(Path.DirectorySeparatorChar, parts);

    private static string Stem(string name) => Path.GetFileNameWithoutExtension(DataFile.Unpacked(name));

    private static string Extension(string file) =>
        file[(file.Length - Path.GetFileName(file).Length + Stem(Path.GetFileName(file)).Length)..].ToLowerInvariant();

    [GeneratedRegex(@"[-._ 0-9]+")]
    private static partial Regex Separators();

    [GeneratedRegex(@"-(\d{5})-of-(\d{5})(?=\.)")]
    private static partial Regex Shard();
}
