using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Interop;

namespace PeftSharp.Runs;

/// <summary>
/// The mark of a folder of results, <c>.peftsharp.json</c>: which files this program wrote there, and how to know them again. Without it,
/// or with anything besides, a folder is somebody else's.
/// </summary>
internal sealed class OutputMark
{
    public const string Name = ".peftsharp.json";
    private const string Format = "peftsharp_output";
    private const int Version = 1, LargestMark = 16 << 20;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    // What file managers leave behind wherever they look.
    private static readonly string[] Nobodys = [".DS_Store", "Thumbs.db", "desktop.ini"];

    private readonly Dictionary<string, FilePrint> _files;

    private readonly string _writtenBy;

    private OutputMark(string digest, string writtenBy, Dictionary<string, FilePrint> files) =>
        (Digest, _writtenBy, _files) = (digest, writtenBy, files);

    /// <summary>SHA-256 of the mark: two results have two.</summary>
    public string Digest { get; }

    /// <summary>Marks a folder with all the files that it holds.</summary>
    public static string Write(string folder, string writtenBy)
    {
        var files = new List<KeyValuePair<string, FilePrint>>();
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var name = Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/');
            if (name == Name) continue;
            files.Add(new(name, FilePrint.Of(file)));
        }
        AtomicFile.WriteText(Path.Combine(folder, Name), Text(files, writtenBy));
        return TryRead(folder)!.Digest;
    }

    /// <summary>The mark of files.</summary>
    public static string Text(IEnumerable<KeyValuePair<string, FilePrint>> files, string writtenBy)
    {
        var list = new JsonObject(
            files.Select(
                f => KeyValuePair.Create(f.Key, (JsonNode?)new JsonObject { ["bytes"] = f.Value.Bytes, ["sha256"] = f.Value.Sha256 })));
        // Two results of the same bytes are two results.
        var mark = new JsonObject
        {
            [Format] = Version,
            ["written_by"] = writtenBy,
            ["id"] = Guid.NewGuid().ToString("N"),
            ["files"] = list,
        };
        return mark.ToJsonString(Indented) + "\n";
    }

    /// <summary>The mark of a folder; null if it has none that this program could have written.</summary>
    public static OutputMark? TryRead(string folder)
    {
        var path = Path.Combine(folder, Name);
        if (FileStat.Of(path, follow: false) is not { Kind: FileKind.File, Size: <= LargestMark }) return null;
        try
        {
            var bytes = File.ReadAllBytes(path);
            using var json = JsonDocument.Parse(bytes, new() { MaxDepth = 8, AllowDuplicateProperties = false });
            if (json.RootElement.GetProperty(Format).GetInt32() != Version) return null;
            var files = new Dictionary<string, FilePrint>(StringComparer.Ordinal);
            foreach (var file in json.RootElement.GetProperty("files").EnumerateObject())
            {
                if (!IsSafe(file.Name)) return null;
                files.Add(file.Name, new(file.Value.GetProperty("bytes").GetInt64(), file.Value.GetProperty("sha256").GetString() ?? ""));
            }
            var writtenBy = json.RootElement.GetProperty("written_by").GetString() ?? "";
            return new(Convert.ToHexStringLower(SHA256.HashData(bytes)), writtenBy, files);
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException or IOException
                or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Writes the mark anew with one more file, or with a file as it is now.</summary>
    public void Add(string folder, string name)
    {
        var files = new Dictionary<string, FilePrint>(_files, StringComparer.Ordinal) { [name] = FilePrint.Of(Path.Combine(folder, name)) };
        AtomicFile.WriteText(Path.Combine(folder, Name), Text(files, _writtenBy));
    }

    /// <summary>The first thing in a folder that the mark does not vouch for, as a clause; null if there is none.</summary>
    public string? Foreign(string folder) => Entries(folder).Where(e => !IsOurs(folder, e.Path)).Select(e =>
    {
        var name = Relative(folder, e.Path);
        var why = _files.ContainsKey(name) ? "which was changed since this program wrote it" : "which this program did not write";
        return $"{Quoted.Name(name)}, {why}";
    }).FirstOrDefault();

    /// <summary>True if the mark does not vouch for a file or folder.</summary>
    public bool IsForeign(string folder, string path) => !IsOurs(folder, path);

    /// <summary>True if every file of the mark is there as it was written.</summary>
    public bool IsWhole(string folder) => _files.Keys.All(name => IsOurs(folder, Path.Combine(folder, name)));

    /// <summary>Deletes what the mark vouches for, and then folders that are empty; the rest stays.</summary>
    public void DeleteOurs(string folder)
    {
        foreach (var (path, _) in Entries(folder).ToList())
            if (Relative(folder, path) != Name && IsOurs(folder, path)) File.Delete(path);
        // The mark last: what a killed process leaves is known by it.
        if (Entries(folder).All(e => Relative(folder, e.Path) == Name)) File.Delete(Path.Combine(folder, Name));
        foreach (var empty in Folders(folder).OrderByDescending(f => f.Length).Append(folder)) TryDeleteEmpty(empty);
    }

    /// <summary>Files and links below a folder, and folders that hold nothing of the mark; links are not followed.</summary>
    public IEnumerable<(string Path, bool IsFolder)> Entries(string folder) => Entries(folder, folder);

    public static string Relative(string folder, string path) =>
        Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');

    private IEnumerable<(string Path, bool IsFolder)> Entries(string root, string folder)
    {
        foreach (var path in Directory.EnumerateFileSystemEntries(folder))
        {
            if (Path.GetFileName(path) == Name && folder == root) yield return (path, false);
            else if (FileStat.Of(path, follow: false) is not { Kind: FileKind.Folder }) yield return (path, false);
            else if (!_files.Keys.Any(f => f.StartsWith(Relative(root, path) + "/", StringComparison.Ordinal))) yield return (path, true);
            else foreach (var below in Entries(root, path)) yield return below;
        }
    }

    private static IEnumerable<string> Folders(string folder) =>
        Directory.EnumerateDirectories(
            folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint });

    private bool IsOurs(string folder, string path)
    {
        if (FileStat.Of(path, follow: false) is not { Kind: FileKind.File } found) return false;
        var name = Relative(folder, path);
        if (name == Name || Nobodys.Contains(Path.GetFileName(path))) return true;
        try
        {
            return _files.TryGetValue(name, out var print) && print.Bytes == found.Size && FilePrint.Of(path) == print;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool IsSafe(string name) =>
        !name.Contains('\\', StringComparison.Ordinal)
            && !name.Contains(':', StringComparison.Ordinal)
            && name.Split('/').All(part => part is not ("" or "." or ".."));

    private static void TryDeleteEmpty(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }
}
