using PeftSharp.Data;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/data.md, word for word: that it stands here is what compiles it.</summary>
public sealed class DataSnippetTests
{
    [Fact]
    public void The_Snippet_Is_The_Code_Below()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "PeftSharp.slnx"))) root = root.Parent;
        Assert.SkipWhen(root is null, "The repository is not above the test's folder.");
        var code = File.ReadAllText(Path.Combine(root.FullName, "docs", "data.md")).Split("```csharp\n")[1].Split("```")[0];
        Assert.Contains(Squeeze(code), Squeeze(File.ReadAllText(Path.Combine(root.FullName, "test", "PeftSharp.Tests", "Docs", "DataSnippetTests.cs"))));
    }

    internal static (TextDataset, IReadOnlyList<int>, DataOptions) Snippet()
    {
        var data = TextDataset.Load("data/*.jsonl.gz", new DataOptions { Text = "body", Label = "stars" });
        var parts = DataPartition.Split(data, [0.8, 0.1, 0.1], seed: 42);
        var sample = DataPartition.Sample(parts[0], 1000, seed: 42);
        var folder = DatasetFolder.Open("data");
        var validation = folder.Load(GlueSplit.Dev, new DataOptions { Labels = data.Labels });
        var leaked = DatasetProfile.Of(validation).RowsAlsoIn(DatasetProfile.Of(data));
        var small = new DataOptions { Storage = new DataStorage { MemoryBytes = 32 << 20, Folder = "scratch" } };
        return (sample, leaked, small);
    }

    private static string Squeeze(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
