using PeftSharp.Data;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/data.md.</summary>
internal static class DataSnippet
{
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
}
