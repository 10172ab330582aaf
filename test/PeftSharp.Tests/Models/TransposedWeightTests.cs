using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>Weights that checkpoints keep as [in, out] (GPT-2): turned on the way in and out, packed as they are multiplied.</summary>
public sealed class TransposedWeightTests
{
    private const string Fused = "transformer.h.0.attn.c_attn.weight";

    [Fact]
    public void A_Written_Model_Has_The_Shapes_Of_Its_Source()
    {
        using var folder = new TempFolder();
        using var bench = new Bench("gpt2");
        ModelWriter.Write(bench.Peft.Model, folder.Root);
        using var file = SafetensorsFile.Open(folder.File("model.safetensors"));
        Assert.Equal([32, 96], file.Tensors[Fused].Shape);
        using var again = new PeftModel(ModelLoader.Load(folder.Root));
        using var output = again.Forward(bench.Batch, AdapterSelection.None);
        Bits.AssertSame(bench.Logits(AdapterSelection.None), output.Logits, "What was written and read");
    }

    [Fact]
    public void In_Four_Bits_They_Are_Packed_As_They_Are_Multiplied()
    {
        using var folder = new TempFolder();
        using var bench = new Bench("gpt2");
        ModelWriter.WriteQuantized(bench.Peft.Model, folder.Root, new Nf4Options(32));
        using var packed = new PeftModel(ModelLoader.Load(folder.Root));
        using var output = packed.Forward(bench.Batch, AdapterSelection.None);
        using var direct = new PeftModel(TinyModels.Create("gpt2", new ModelOptions { Quantize = new Nf4Options(32) }));
        using var expected = direct.Forward(bench.Batch, AdapterSelection.None);
        // What is not quantised is written in float16.
        Bits.AssertClose(expected.Logits, output.Logits, 1e-2, "What was packed and read");
        Assert.All(packed.Model.Sites.Projections.Where(p => p.Layer >= 0), p => Assert.Equal("nf4", p.Weight.Base.Kind));
    }

    [Fact]
    public void Trained_Copies_Are_Saved_As_The_Checkpoint_Keeps_Them()
    {
        using var folder = new TempFolder();
        using var bench = new Bench("gpt2");
        var adapter = bench.Add("full");
        bench.Train(adapter);
        var saved = adapter.SavedTensors(AdapterFormat.Peft).Single(t => t.Key.EndsWith(Fused, StringComparison.Ordinal));
        Assert.Equal([32, 96], saved.Value.shape);
    }
}
