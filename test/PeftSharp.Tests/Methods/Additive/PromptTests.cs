using PeftSharp.Formats;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Methods.Additive.PTuning;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>Where vectors before a sequence come from.</summary>
public sealed class PromptTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    public void A_Text_Is_Cut_Or_Repeated(int tokens)
    {
        using var bench = new Bench("bert");
        int[] text = [5, 9, 40, 5, 7];
        var adapter = bench.Add(new PromptOptions { Init = "TEXT", InitText = "a text", InitTokens = text, VirtualTokens = tokens });
        var words = bench.Sites.Embeddings[0].Table.Base;
        for (var i = 0; i < tokens; i++) Bits.AssertSame(words[text[i % 5]], adapter.Tensors[0].Value[i].detach(), $"Vector {i}");
    }

    [Fact]
    public void Samples_Are_Rows_Of_The_Vocabulary()
    {
        using var bench = new Bench("llama");
        var adapter = bench.Add(new PromptOptions { Init = "SAMPLE_VOCAB", VirtualTokens = 12 });
        var (words, vectors) = (bench.Sites.Embeddings[0].Table.Base, adapter.Tensors[0].Value.detach());
        var rows = Enumerable.Range(0, 12).Select(i => (words - vectors[i]).abs().sum(1).argmin().item<long>()).ToList();
        for (var i = 0; i < 12; i++) Bits.AssertSame(words[rows[i]], vectors[i], $"Vector {i}");
        Assert.True(rows.Distinct().Count() > 6, "The draw repeats itself.");
    }

    // The file holds what the network yields, a second one the network: both are read.
    [Theory]
    [InlineData("MLP")]
    [InlineData("LSTM")]
    public void A_Network_Goes_On_Training_From_Disk(string encoder)
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new PTuningOptions { Encoder = encoder, VirtualTokens = 4, EncoderHidden = 12, EncoderLayers = 3 });
        bench.Train(adapter);
        AdapterFolder.Save(adapter, _folder.Root);
        using var fresh = new Bench("bert");
        var loaded = AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft, "first");
        Assert.True(loaded.EncoderIsKnown);
        bench.Train(adapter);
        fresh.Train(loaded);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output after more training");
    }

    [Fact]
    public void What_A_File_Yields_Stands_In_Without_Its_Network()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new PTuningOptions { VirtualTokens = 4 });
        bench.Train(adapter);
        AdapterFolder.Save(adapter, _folder.Root);
        File.Delete(_folder.File("adapter_encoder.safetensors"));
        using var fresh = new Bench("bert");
        var loaded = AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft, "first");
        Assert.False(loaded.EncoderIsKnown);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output");
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new PTuningOptions { Encoder = "GRU" }), "encoder_reparameterization_type", "\"GRU\"");
        Refusal.Of(bench, () => bench.Add(new PTuningOptions { EncoderLayers = 0 }), "encoder_num_layers");
        Refusal.Of(bench, () => bench.Add(new PTuningOptions { EncoderDropout = 1 }), "encoder_dropout");
        Refusal.Of(bench, () => bench.Add(new PTuningOptions { VirtualTokens = 0 }), "num_virtual_tokens");
        Refusal.Of(bench, () => bench.Add(new PromptOptions { Init = "TEXT" }), "prompt_tuning_init_text");
    }

    public void Dispose() => _folder.Dispose();
}
