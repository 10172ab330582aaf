namespace PeftSharp.Tests.House;

/// <summary>Lines of code fit beside each other on a screen.</summary>
public sealed class LineTests
{
    private const int Longest = 140;

    [Fact]
    public void No_Line_Of_Code_Is_Too_Long() => Assert.Empty(
        from folder in (string[])["src", "test", "bench"]
        from file in Directory.EnumerateFiles(TestPaths.RequireRepository(folder), "*.cs", SearchOption.AllDirectories)
        where !file.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin")
        from line in File.ReadLines(file).Index()
        where line.Item.Length > Longest
        select $"{file}, line {line.Index + 1} has {line.Item.Length} characters; at most {Longest} are read at a glance: break it.");
}
