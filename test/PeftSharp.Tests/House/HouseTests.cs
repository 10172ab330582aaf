using System.Text.RegularExpressions;

namespace PeftSharp.Tests.House;

/// <summary>Which folder of the library may use which, held against its <c>using</c> lines; docs/architecture.md says why.</summary>
public sealed partial class HouseTests
{
    // What a folder may use, and through it what that may use. Interop is everybody's; PeftException and the like stand outside.
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Interop"] = [],
        ["Files"] = ["Interop"],
        ["Weights"] = ["Files"],
        ["Hub"] = ["Files"],
        ["Tokenization"] = ["Files"],
        ["Data"] = ["Tokenization"],
        ["Metrics"] = ["Data"],
        ["Sites"] = ["Weights"],
        ["Models"] = ["Sites", "Data"],
        ["Methods"] = ["Sites", "Data"],
        ["Composition"] = ["Models", "Methods"],
        ["Formats"] = ["Composition"],
        ["Training"] = ["Data"],
        ["Generation"] = ["Composition"],
        ["Runs"] = ["Formats", "Training", "Metrics", "Hub", "Generation"],
        ["Analysis"] = ["Runs"],
    };

    [Fact]
    public void Every_Folder_Has_Its_Arrows() =>
        Assert.Equal(
            Arrows.Keys.Order(),
            Directory.GetDirectories(Library).Where(HasCode).Select(d => Path.GetFileName(d)).Except(["bin", "obj"]).Order());

    [Fact]
    public void Arrows_Make_No_Circle() => Assert.All(Arrows.Keys, folder => Assert.DoesNotContain(folder, Reach(folder)));

    [Fact]
    public void Folders_Use_What_Their_Arrows_Reach() => Assert.Empty(
        from file in Directory.EnumerateFiles(Library, "*.cs", SearchOption.AllDirectories)
        let parts = Path.GetRelativePath(Library, file).Split(Path.DirectorySeparatorChar)
        where parts.Length > 1 && Arrows.ContainsKey(parts[0])
        let allowed = Reach(parts[0]).Append(parts[0]).ToHashSet()
        from used in Used(File.ReadAllText(file)).Distinct()
        where !allowed.Contains(used)
        select $"{string.Join('/', parts)} uses {used}");

    // A checkout leaves empty folders behind.
    private static bool HasCode(string folder) => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Any();

    private static string Library => TestPaths.RequireRepository("src", "PeftSharp");

    private static IEnumerable<string> Used(string text) =>
        UsingLine().Matches(text).Select(match => match.Groups[1].Value).Where(Arrows.ContainsKey);

    private static HashSet<string> Reach(string folder)
    {
        var reached = new HashSet<string>();
        var next = new Queue<string>(Arrows[folder]);
        while (next.TryDequeue(out var one))
            if (reached.Add(one)) Array.ForEach(Arrows[one], next.Enqueue);
        return reached;
    }

    // Names written out in full count as well.
    [GeneratedRegex(@"\bPeftSharp\.(\w+)")]
    private static partial Regex UsingLine();
}
