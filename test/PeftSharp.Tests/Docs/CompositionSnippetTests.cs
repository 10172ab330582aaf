using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Composition;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippets of docs/compositions.md, run.</summary>
public sealed class CompositionSnippetTests
{
    [Fact]
    public void They_Run()
    {
        using var bench = TrunkBench.Of("bert", "pfeiffer")!;
        var model = bench.Model;
        foreach (var (name, method) in (IEnumerable<(string, string)>)[("a", "pfeiffer"), ("b", "pfeiffer"), ("c", "pfeiffer"),
            ("domain", "lora"), ("task", "pfeiffer")])
            Bench.Disturb(model.Add(PeftSharp.Methods.MethodRegistry.Options(method), name));
        using var batch = TinyModels.Batch();
        Assert.Equal(3, Select(model, batch).Count);
        var batches = new PlannedBatches(bench.Data, new BatchPlan(bench.Data.Lengths, 4, BatchOrder.Shuffled, 1));
        using var folder = new TempFolder();
        AdapterSetup.Root = folder.Root;
        var (small, weights) = Fuse(model, batch, batches);
        Assert.Equal(["a", "c"], small.FusedNames);
        Assert.Equal(1, weights.Mean.Sum(), 1e-6);
        Assert.True(PeftSharp.Formats.AdapterSetup.Is(folder.File("fused")));
        Assert.NotNull(Drop(model, batch));
    }

    /// <summary>Writes where the test may.</summary>
    private static class AdapterSetup
    {
        public static string Root { get; set; } = "";

        public static void Save(PeftModel model, AdapterComposition composition, string folder) =>
            PeftSharp.Formats.AdapterSetup.Save(model, composition, Path.Combine(Root, folder));
    }

    private static IReadOnlyList<torch.Tensor> Select(PeftModel model, TokenBatch batch)
    {
        using var one = model.Forward(batch, model.Select("stack(domain,task)"));
        using var mixed = model.Forward(batch, model.SelectPerRow(["average(a:0.3,b:0.7)", null, "stack(domain,task)", "a"]));
        var each = model.ForwardParallel(batch, [model.Compose("a"), model.Compose("b"), null]);    // the same rows with each, in one call
        return each;
    }

    private static (FusionMethod, FusionWeights) Fuse(PeftModel model, TokenBatch batch, PlannedBatches batches)
    {
        var fusion = model.AddFusion(["a", "b", "c"]);
        using var trainer = new Trainer(new TrainableAdapter(model, fusion), batches, new TrainerOptions { Epochs = 3 });
        trainer.Run();
        var heard = new FusionWeights();
        using (model.Model.Forward(batch, new ForwardContext { Selection = model.Select("fuse(a,b,c)"), FusionListener = heard })) { }
        var small = model.PruneFusion(fusion, ["a", "c"]);                // heard.Mean says which of them count
        AdapterSetup.Save(model, model.Compose("fuse(a,c)"), "fused"); // adapter_setup.json, a folder for each adapter and for the fusion
        return (small, heard);
    }

    private static TrainableAdapter Drop(PeftModel model, TokenBatch batch)
    {
        var selection = model.Select("a");
        var robust = new TrainableAdapter(model, model["a"], selection: selection.With(LayerDrop.Drawn(most: 6)));
        using var fast = model.Forward(batch, selection.With(LayerDrop.Lowest(4)));
        return robust;
    }
}
