using PeftSharp.Cli.Quickstart;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Cli;

public sealed class QuickstartModelTests
{
    private const int Sentences = 64;

    [Fact]
    public void TheLayersAreInFourBitsAndTheWordTableIsUnpacked()
    {
        var model = Load(QuickstartFiles.Model);
        Assert.All(model.Sites.Projections.Where(p => p.Role != ProjectionRole.Pooler), p => Assert.IsType<FourBitStore>(p.Weight.Base));
        Assert.Equal([30522, 384], model.Sites.Embeddings[0].Table.Base.shape);
        Assert.InRange(new FileInfo(Path.Combine(QuickstartFiles.Model, "model.safetensors")).Length, 1, 20L << 20);
    }

    [Fact]
    public void ItsSentenceVectorsAreCloseToTheOriginals()
    {
        var original = TestPaths.RequireShared("models", "all-MiniLM-L6-v2");
        using var scope = NewDisposeScope();
        using var cosine = (Vectors(original) * Vectors(QuickstartFiles.Model)).sum(1);
        Assert.True(cosine.mean().item<float>() > 0.96, $"mean {cosine.mean().item<float>()}");
        Assert.True(cosine.min().item<float>() > 0.90, $"least {cosine.min().item<float>()}");
    }

    [Fact]
    public void TheCommandInItsReadmeWritesTheSameBytes()
    {
        var original = TestPaths.RequireShared("models", "all-MiniLM-L6-v2");
        using var folder = new CliFolder();
        Peft.Run("quantize", "--base", original, "--out", folder.File_("again"), "--double-quant", "--embeddings", "nf4").Succeeds();
        foreach (var file in (string[])["model.safetensors", "config.json", "tokenizer.json"])
            Assert.True(
                File.ReadAllBytes(Path.Combine(QuickstartFiles.Model, file))
                    .AsSpan()
                    .SequenceEqual(File.ReadAllBytes(Path.Combine(folder.File_("again"), file))),
                file);
    }

    private static TransformerModel Load(string folder) =>
        ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Embedding, Pooling = Pooling.Mean });

    private static Tensor Vectors(string folder)
    {
        using var guard = no_grad();
        var model = Load(folder);
        var data = TokenizedDataset.Create(
            TextDataset.Load(QuickstartFiles.Test).Take(Sentences), new TokenizerTextEncoder(Tokenizer.Load(folder)), 64);
        using var batch = data.CreateBatch([.. Enumerable.Range(0, Sentences)]);
        return nn.functional.normalize(model.Forward(batch, new ForwardContext()).Logits);
    }
}
