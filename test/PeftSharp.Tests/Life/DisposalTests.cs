using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Life;

/// <summary>What holds tensors, maps or files lets go of them when it is disposed, and says so when it is used afterwards.</summary>
[Collection(nameof(CountingTensors))]
public sealed class DisposalTests
{
    public static TheoryData<string, ComputeType, bool> Kinds
    {
        get
        {
            var data = new TheoryData<string, ComputeType, bool>();
            foreach (var architecture in (string[])["bert", "roberta", "distilbert", "gpt2", "llama"])
            {
                data.Add(architecture, ComputeType.Float32, false);
                data.Add(architecture, ComputeType.BFloat16, false);
                data.Add(architecture, ComputeType.Float32, true);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_Model_Lets_Go_Of_Every_Tensor_Merged_Ones_Too(string architecture, ComputeType compute, bool nf4)
    {
        void Visit()
        {
            using var batch = TinyModels.Batch();
            var model = new PeftModel(
                TinyModels.Create(architecture, new ModelOptions { Compute = compute, Quantize = nf4 ? new Nf4Options(32, true) : null }));
            model.Add(MethodRegistry.Options("lora"), "a");
            model.Add(MethodRegistry.Options("unipelt"), "b");
            model.Forward(batch, model.SelectPerRow(["a", "b", null, "a"])).Dispose();
            model.Merge("a");
            model.Forward(batch, AdapterSelection.None).Dispose();
            model.Unmerge();
            model.Merge("a");
            model.Dispose();
            model.Dispose();
        }
        LiveTensors.OutsideScopes(() =>
        {
            Visit(); // what is made once is made here
            LiveTensors.AssertNoneLeft(Visit);
        });
    }

    [Fact]
    public void The_Mapped_Checkpoint_Is_Released()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the list of maps of Linux");
        var model = new PeftModel(TinyModels.Create("bert"));
        var file = File.ReadLines("/proc/self/maps")
            .Where(l => l.EndsWith("model.safetensors", StringComparison.Ordinal))
            .Select(l => l[l.IndexOf('/')..])
            .ToHashSet();
        Assert.NotEmpty(file);
        model.Dispose();
        Assert.DoesNotContain(File.ReadLines("/proc/self/maps"), l => file.Any(f => l.EndsWith(f, StringComparison.Ordinal)));
    }

    [Fact]
    public void Use_After_Disposal_Is_Refused()
    {
        using var batch = TinyModels.Batch();
        var model = new PeftModel(TinyModels.Create("bert"));
        var adapter = model.Add(MethodRegistry.Options("lora"), "a");
        var selection = model.Select("a");
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.Forward(batch, AdapterSelection.None));
        Assert.Throws<ObjectDisposedException>(() => model.Forward(batch, selection));
        Assert.Throws<ObjectDisposedException>(() => model.Model.Loss(batch, new ForwardContext()));
        Assert.Throws<ObjectDisposedException>(() => model.Add(MethodRegistry.Options("lora"), "b"));
        Assert.Throws<ObjectDisposedException>(() => model.Select("a"));
        Assert.Throws<ObjectDisposedException>(() => model.Merge("a"));
        Assert.Throws<ObjectDisposedException>(() => new TrainableAdapter(model, adapter).Loss(batch, default));
    }

    [Fact]
    public void A_Selection_Of_A_Removed_Adapter_Is_Refused_And_Not_Answered_By_The_Base()
    {
        using var bench = new Bench("bert");
        bench.Add("lora", "a");
        bench.Add("lora", "b");
        var (one, mixed) = (bench.Peft.Select("a"), bench.Peft.SelectPerRow(["b", "a", null, "b"]));
        bench.Peft.Remove("a");
        Refusal.Sentence(() => bench.Peft.Forward(bench.Batch, one), "\"a\"", "removed");
        Refusal.Sentence(() => bench.Peft.Forward(bench.Batch, mixed), "\"a\"", "removed");
        bench.Peft["b"].Dispose();
        Refusal.Sentence(() => bench.Peft.Forward(bench.Batch, bench.Peft.Select("b")), "\"b\"", "removed");
        bench.Peft.Remove("b");
        bench.Logits(AdapterSelection.None);
    }

    [Fact]
    public void A_Disposed_Batch_And_A_Removed_Adapter_Are_Refused()
    {
        using var bench = new Bench("bert");
        using var folder = new Files.TempFolder();
        var adapter = bench.Add("lora");
        AdapterFolder.Save(adapter, folder.Root, AdapterFormat.Peft);
        var before = File.ReadAllBytes(folder.File("adapter_model.safetensors"));
        bench.Peft.Remove("first");
        Refusal.Sentence(() => AdapterFolder.Save(adapter, folder.Root, AdapterFormat.Peft), "\"first\"", "removed");
        Assert.Equal(before, File.ReadAllBytes(folder.File("adapter_model.safetensors")));
        var batch = TinyModels.Batch();
        batch.Dispose();
        Assert.Throws<ObjectDisposedException>(() => bench.Peft.Forward(batch, AdapterSelection.None));
    }

    [Theory]
    [MemberData(nameof(MatrixCases.Two), MemberType = typeof(MatrixCases))]
    public void Loading_And_Removing_Outside_Any_Scope_Leaves_No_Tensor_Behind(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        using var folder = new Files.TempFolder();
        var adapter = bench.Add(method);
        AdapterFolder.Save(adapter, folder.Root, adapter.Options.Format);
        void Visit()
        {
            AdapterFolder.Open(folder.Root).LoadInto(bench.Peft, "loaded");
            bench.Peft.Remove("loaded");
        }
        LiveTensors.OutsideScopes(() =>
        {
            Visit(); // what is made once is made here
            LiveTensors.AssertNoneLeft(Visit);
        });
    }

    [Fact]
    public void Datasets_Let_Go_Of_Their_Files_With_The_Last_Part()
    {
        using var folder = new Files.TempFolder();
        File.WriteAllLines(folder.File("rows.jsonl"),
            Enumerable.Range(0, 50).Select(i => $$"""{ "input_ids": [{{i}}, 2, 3], "label": {{i % 2}} }"""));
        var storage = new DataStorage { MemoryBytes = 0, Folder = folder.Root };
        var all = TextDataset.Load(folder.File("rows.jsonl"), new DataOptions { Storage = storage });
        Assert.True(all.OnDisk);
        var part = all.Take(10);
        all.Dispose();
        all.Dispose();
        Assert.Throws<ObjectDisposedException>(() => all.Examples);
        Assert.Throws<ObjectDisposedException>(() => all.Take(3));
        Assert.Equal([3, 2, 3], part.Examples[3].InputIds!);
        var tokens = TokenizedDataset.Create(part, new NoText(), 8);
        Assert.True(tokens.OnDisk);
        using var batch = tokens.CreateBatch([0, 3]);
        tokens.Dispose();
        tokens.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tokens.CreateBatch([0]));
        Assert.Throws<ObjectDisposedException>(() => tokens.Ids(0).Length);
        Assert.Equal([3L, 2, 3], batch.InputIds[1].data<long>().ToArray());
        part.Dispose();
        Assert.Throws<ObjectDisposedException>(() => part.Examples);
        if (OperatingSystem.IsLinux())
            Assert.DoesNotContain(
                Directory.EnumerateFiles("/proc/self/fd"),
                fd => new FileInfo(fd).LinkTarget?.StartsWith(folder.Root, StringComparison.Ordinal) == true);
    }

    private sealed class NoText : ITextEncoder
    {
        public int PadId => 0;

        public EncodedText Encode(string text, string? pair, int maxLength) => throw new InvalidOperationException("The rows hold ids.");
    }
}
