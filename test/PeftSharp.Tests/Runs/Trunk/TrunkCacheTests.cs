using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Data.Storage;
using PeftSharp.Methods;
using PeftSharp.Runs.Trunk;
using PeftSharp.Sites;
using PeftSharp.Tests.Composition;
using PeftSharp.Tests.Life;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs.Trunk;

/// <summary>What a cached trunk takes of the disk, and what it refuses.</summary>
[Collection(nameof(CountingTensors))]
public sealed class TrunkCacheTests
{
    private const int Width = 32;

    [Theory]
    [InlineData("lora", 69)]      // the rows' tokens
    [InlineData("head", 10)]      // a vector a row
    [InlineData("unipelt", 69)]   // gates read real tokens
    public void The_Bytes_Told_Before_Are_Those_Written(string method, int vectors)
    {
        using var bench = TrunkBench.Of("bert", method)!;
        Assert.Equal(vectors * Width * sizeof(float), bench.Plan.Bytes);
        var done = 0;
        using var cache = TrunkCache.Build(bench.Plan, progress: rows => done = rows);
        Assert.Equal(10, done);
        Assert.True(cache.Seconds > 0);
        // The file has no name: it is gone with the program, however that ends.
        if (!OperatingSystem.IsWindows()) Assert.Empty(Directory.GetFileSystemEntries(bench.CacheFolder));
    }

    [Fact]
    public void A_Gate_Over_Padding_Keeps_Every_Row_As_Long_As_The_Longest()
    {
        using var bench = new TrunkBench(
            "bert", TrunkBench.Upper(new PeftSharp.Methods.Hybrid.Union.UnionOptions { GateOverPadding = true }));
        Assert.Equal(10 * 9 * Width * sizeof(float), bench.Plan.Bytes);
    }

    [Fact]
    public void A_Disk_Without_Room_Is_Refused_Before_Anything_Is_Computed()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        Refusal.Sentence(() => bench.Plan.CheckRoom(8831), "8,832 bytes", "8,831 free", bench.CacheFolder, "leave cache_trunk out");
        bench.Plan.CheckRoom(8832);
        bench.Plan.CheckRoom();
    }

    [Fact]
    public void A_Disk_That_Cannot_Set_The_Bytes_Aside_Or_A_Folder_That_Cannot_Be_Is_Told_In_One_Sentence()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        var storage = new DataStorage { MemoryBytes = 0, Folder = bench.CacheFolder };
        Refusal.Sentence(
            () => new ScratchFile(storage, new ScratchUse("The trunk's activations", "leave cache_trunk out", 1L << 60)),
            "The trunk's activations cannot be kept in", bench.CacheFolder, "leave cache_trunk out");
        Assert.Empty(Directory.GetFileSystemEntries(bench.CacheFolder));
        File.WriteAllText(Path.Combine(bench.CacheFolder, "file"), "");
        var plan = new TrunkPlan(bench.Model, bench.Selection, [bench.Data], Path.Combine(bench.CacheFolder, "file", "below"));
        Refusal.Sentence(() => TrunkCache.Build(plan), "The trunk's activations cannot be kept in", plan.Folder);
    }

    [Fact]
    public void A_Trunk_Serves_No_Other_Adapter_And_No_Other_Weights()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        var rows = bench.Cache()[bench.Data];
        using (var batch = rows.CreateBatch([0, 1]))
        {
            var other = bench.Model.Add(MethodRegistry.Options("bitfit"), "other");
            Refusal.Sentence(() => bench.Model.Forward(batch, AdapterSelection.Of(other.Tag)), "made for \"default\"", "selects \"other\"");
            Refusal.Sentence(() => bench.Model.Forward(batch, AdapterSelection.None), "selects no adapter");
        }
        bench.Model.Merge("other");
        Refusal.Sentence(() => rows.CreateBatch([0]), "merged or unmerged");
        bench.Model.Remove("other");
        rows.CreateBatch([0]).Dispose();
        bench.Cache().Dispose();
        Assert.Throws<ObjectDisposedException>(() => rows.CreateBatch([0]));
    }

    [Fact]
    public void Interrupted_Building_Leaves_Nothing()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(
            () =>
                TrunkCache.Build(
                    bench.Plan, new Dictionary<TokenizedDataset, TrunkBatches> { [bench.Data] = new(TrunkBench.Fours) }, _ => stop.Cancel(),
                    stop.Token));
        Assert.Empty(Directory.GetFileSystemEntries(bench.CacheFolder));
    }

    [Fact]
    public void A_Row_That_Was_Left_Out_Is_Not_Made_Up()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        using var cache = TrunkCache.Build(bench.Plan, new Dictionary<TokenizedDataset, TrunkBatches> { [bench.Data] = new([[0, 1]]) });
        cache[bench.Data].CreateBatch([1, 0]).Dispose();
        Assert.Contains("Row 2 ", Assert.Throws<ArgumentException>(() => cache[bench.Data].CreateBatch([0, 2])).Message);
    }

    [Fact]
    public void Building_And_Batches_Leave_No_Tensor_Behind()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        Visit();
        LiveTensors.AssertNoneLeft(Visit);

        void Visit()
        {
            using var cache = TrunkCache.Build(bench.Plan);
            using var scope = NewDisposeScope();
            using var batch = cache[bench.Data].CreateBatch([3, 1, 4]);
            foreach (var part in batch.Split(10)) bench.Model.Forward(part, bench.Selection);
        }
    }
}
