using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Files.Gguf;
using PeftSharp.Formats;
using PeftSharp.Formats.Gguf;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Formats.Gguf;

/// <summary>Weights that stay in the blocks of a GGUF file.</summary>
public sealed class GgufBlockModelTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Eight_Bits_Stay_In_Their_Blocks_Or_Are_Unpacked()
    {
        using var model = ModelLoader.Load(TestPaths.Fixture("models", "llama"));
        GgufModel.Write(model, _folder.File("model.gguf"), GgufQuantization.Q8);
        using var packed = ModelLoader.Load(_folder.Root);
        using var dense = ModelLoader.Load(_folder.File("model.gguf"), new() { Unpack = true });
        // Rows of 56 make no blocks of 32.
        var layers = packed.Sites.Projections.Where(site => site.Role != ProjectionRole.Vocabulary && site.InFeatures % 32 == 0).ToList();
        Assert.NotEmpty(layers);
        Assert.All(layers, site => Assert.Equal("q8_0", site.Weight.Base.Kind));
        Assert.All(dense.Sites.Projections, site => Assert.Equal("dense", site.Weight.Base.Kind));
        var (one, other) = (GgufModelTests.Logits(packed), GgufModelTests.Logits(dense));
        var (whole, rounding) = (GgufModelTests.Logits(model), (one - other).abs().max().item<float>());
        var quantization = (one - whole).abs().max().item<float>();
        var largest = other.abs().max().item<float>();
        Assert.True(rounding <= Rounding.Of(96) * largest, $"{rounding} of {largest}");
        Assert.True(quantization < 0.1 * largest, $"{quantization} of {largest}");
    }

    [Fact]
    public void A_Tied_Head_Reads_The_Tables_Blocks_While_Nothing_Changes_The_Table()
    {
        using var source = ModelLoader.Load(TestPaths.Fixture("models", "gpt2"));
        GgufModel.Write(source, _folder.File("model.gguf"), GgufQuantization.Q8);
        using var model = new PeftModel(ModelLoader.Load(_folder.File("model.gguf")));
        using var guard = no_grad();
        var tag = model.Add(new LoraOptions(), "a").Tag;
        var (table, none, active) = (model.Model.Sites.Embeddings[0].Table, AdapterSelection.None, AdapterSelection.Of(tag));
        var head = Assert.IsType<TiedSlot>(model.Model.Sites.Projections.Single(s => s.Role == ProjectionRole.Vocabulary).Weight);
        Assert.Equal(head.Count / 32 * 34, head.BytesRead);
        var x = randn([1, 1, 32], generator: new Generator(5));
        Tensor Few(AdapterSelection selection) => FewRows.Try([head.Get(new() { Selection = selection })], x)!;

        using var file = GgufCheckpoint.Open(_folder.File("model.gguf"));
        var (blocks, type) = file.Packed(table.Name)!.Value;
        using var kept = new GgufStore(blocks, type);
        Assert.Equal(FewRows.Try([kept], x)!.data<float>().ToArray(), Few(none).data<float>().ToArray());
        var undo = table.ReplaceTensor(tag, (value, _) => value.mul(3f));
        Assert.True((Few(active) - Few(none).mul(3f)).abs().max().item<float>() <= Rounding.Of(32) * Few(active).abs().max().item<float>());
        undo();

        using var dense = new PeftModel(ModelLoader.Load(_folder.File("model.gguf"), new() { Unpack = true }));
        Assert.Equal(head.Count * sizeof(float), ((TiedSlot)dense.Model.Sites.Projections[^1].Weight).BytesRead);
        var (one, other) = (Next(model.Model), Next(dense.Model));
        Assert.True((one - other).abs().max().item<float>() <= Rounding.Of(128) * other.abs().max().item<float>());
    }

    [Theory]
    [InlineData("llama", "llama-lora-all-linear")]
    [InlineData("gpt2", "gpt2-lora")]
    [InlineData("falcon", "falcon-lora")]
    public void A_Model_In_Blocks_Is_Trained_Without_A_Dense_Copy_And_Merges(string name, string lora)
    {
        using var source = ModelLoader.Load(TestPaths.Fixture("models", name));
        GgufModel.Write(source, _folder.File("model.gguf"), GgufQuantization.Q8);
        using var model = new PeftModel(ModelLoader.Load(_folder.File("model.gguf")));
        var adapter = AdapterFolder.Open(TestPaths.Fixture("cases", lora)).LoadInto(model, "a");
        var batch = GgufModelTests.Batch();
        var plain = model.Model.Sites.Projections[0].Weight.Base;
        Assert.Equal("q8_0", plain.Kind);
        using var output = model.Forward(batch, AdapterSelection.Of(adapter.Tag));
        model.Merge("a");
        using var merged = model.Forward(batch, AdapterSelection.None);
        Assert.True((output.Logits - merged.Logits).abs().max().item<float>() <= 1e-5 * output.Logits.abs().max().item<float>());
        model.Unmerge();
        Assert.Same(plain, model.Model.Sites.Projections[0].Weight.Base);
    }

    // As a decoder's next token is computed.
    private static Tensor Next(TransformerModel model)
    {
        using var cache = new KeyValueCache();
        return model.Forward(GgufModelTests.Batch(), new ForwardContext { Cache = cache, LastToken = true }).Logits;
    }
}
