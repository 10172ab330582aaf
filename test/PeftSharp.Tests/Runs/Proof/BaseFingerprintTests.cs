using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Proof;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs.Proof;

/// <summary>A base is the same base however its files are cut and its names are spelt.</summary>
public sealed class BaseFingerprintTests
{
    [Theory]
    [InlineData("bert")]
    [InlineData("roberta")]
    [InlineData("distilbert")]
    public void It_is_the_same_for_one_file_and_shards_with_and_without_prefix_with_and_without_head(string architecture)
    {
        using TempFolder whole = new(), bare = new(), shards = new(), headless = new();
        ModelWriter.Write(TinyModels.Create(architecture), whole.Root);
        ModelWriter.Write(TinyModels.Create(architecture), bare.Root, withPrefix: false);
        Cut(whole, shards);
        Rewrite(whole, headless, names => names.Where(n => n.StartsWith($"{architecture}.", StringComparison.Ordinal)));
        var expected = Of(whole.Root);
        Assert.DoesNotContain(expected.Weights.Tensors.Keys, n => n.Contains("classifier", StringComparison.Ordinal));
        foreach (var folder in (TempFolder[])[bare, shards, headless])
        {
            var found = Of(folder.Root);
            Assert.Equal(expected.Weights.Sha256, found.Weights.Sha256);
            Assert.Equal(
                expected.Weights.Tensors.Select(t => (t.Key, t.Value.Digest)), found.Weights.Tensors.Select(t => (t.Key, t.Value.Digest)));
        }
    }

    [Fact]
    public void A_model_read_for_its_embeddings_is_the_same_base()
    {
        using var whole = new TempFolder();
        ModelWriter.Write(TinyModels.Create("distilbert"), whole.Root);
        var model = ModelLoader.Load(whole.Root, new ModelOptions { Task = TaskKind.Embedding });
        Assert.Equal(Of(whole.Root).Weights.Sha256, BaseFingerprint.Of(whole.Root, model, null).Weights.Sha256);
    }

    [Fact]
    public void Every_byte_counts_in_the_whole_hash()
    {
        using TempFolder one = new(), two = new();
        ModelWriter.Write(TinyModels.Create("bert"), one.Root);
        Rewrite(
            one, two, names => names,
            (name, value) =>
                name.EndsWith("word_embeddings.weight", StringComparison.Ordinal) ? value.index_fill(0, tensor(50L), 0) : value);
        Assert.NotEqual(Of(one.Root).Weights.Sha256, Of(two.Root).Weights.Sha256);
    }

    [Fact]
    public void A_base_in_4_bits_has_a_fingerprint_of_its_own_parts()
    {
        using var folder = new TempFolder();
        ModelWriter.WriteQuantized(TinyModels.Create("bert"), folder.Root, new Nf4Options());
        var print = Of(folder.Root);
        Assert.Contains(print.Weights.Tensors.Keys, n => n.EndsWith("query.weight.absmax", StringComparison.Ordinal));
        Assert.Equal("U8", print.Weights.Tensors["encoder.layer.0.attention.self.query.weight"].Dtype);
    }

    // Without the head, as an adapter that brings its own sees the base.
    private static BaseFingerprint Of(string folder)
    {
        var bench = new PeftSharp.Composition.PeftModel(
            ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["no", "maybe", "yes"] }));
        return BaseFingerprint.Of(folder, bench.Model, bench.Add(PeftSharp.Methods.MethodRegistry.Options("lora")));
    }

    private static void Rewrite(
        TempFolder from, TempFolder to, Func<IEnumerable<string>, IEnumerable<string>> names, Func<string, Tensor, Tensor>? change = null)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(from.File("model.safetensors"));
        SafetensorsWriter.Write(
            to.File("model.safetensors"),
            [.. names(file.Tensors.Keys).Select(n => KeyValuePair.Create(n, change is null ? file.Read(n) : change(n, file.Read(n))))]);
        File.Copy(from.File("config.json"), to.File("config.json"));
    }

    private static void Cut(TempFolder from, TempFolder to)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(from.File("model.safetensors"));
        var map = new JsonObject();
        foreach (
            var part in file.Tensors.Keys.Order(StringComparer.Ordinal)
                .Select((n, i) => (Name: n, Shard: $"model-0000{i % 3 + 1}-of-00003.safetensors"))
                .GroupBy(p => p.Shard))
        {
            SafetensorsWriter.Write(to.File(part.Key), [.. part.Select(p => KeyValuePair.Create(p.Name, file.Read(p.Name)))]);
            foreach (var (name, shard) in part) map[name] = shard;
        }
        File.WriteAllText(
            to.File("model.safetensors.index.json"),
            new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
        File.Copy(from.File("config.json"), to.File("config.json"));
    }
}
