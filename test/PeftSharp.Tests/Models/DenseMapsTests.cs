using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>What stays dense where a model is quantised is what transformers leaves out.</summary>
public sealed class DenseMapsTests
{
    private static ModelOptions Quantised(TaskKind task) => new() { Task = task, Quantize = new Nf4Options() };

    private static IEnumerable<string> InFewBits(TransformerModel model) =>
        model.Sites.Projections.Where(p => p.Weight is not TiedSlot && p.Weight.Base.IsQuantized).Select(p => p.Path);

    // What transformers wrote of a Llama whose output embeddings are its own: read, and written again.
    [Theory]
    [InlineData("llama64-nf4", false)]
    [InlineData("llama64-nf4-double", true)]
    public void Tensors_Are_Named_As_Transformers_Names_Them(string name, bool isDouble)
    {
        using var folder = new TempFolder();
        var reference = TestPaths.Fixture("quantization", name);
        using (var read = ModelLoader.Load(reference, new ModelOptions { Task = TaskKind.CausalLanguage }))
        {
            Assert.DoesNotContain("lm_head", InFewBits(read));
            ModelWriter.WriteQuantized(read, folder.File("dense"), new Int8Options(), type: ScalarType.Float32);
            ModelWriter.Write(read, folder.File("plain"));
        }
        using (var plain = ModelLoader.Load(folder.File("plain"), Quantised(TaskKind.CausalLanguage)))
            ModelWriter.WriteQuantized(plain, folder.File("again"), new Nf4Options(64, isDouble), type: ScalarType.Float32);
        using Checkpoint theirs = Checkpoint.Open(reference), ours = Checkpoint.Open(folder.File("again"));
        Assert.Equal(theirs.Names.Order(StringComparer.Ordinal), ours.Names.Order(StringComparer.Ordinal));
        using var eight = Checkpoint.Open(folder.File("dense"));
        Assert.False(eight.Contains("lm_head.SCB"));
    }

    [Theory]
    [InlineData("null", "lm_head")]
    [InlineData("[]", "")]
    [InlineData("[\"lm_head\", \"up_proj\"]", "lm_head, model.layers.0.mlp.up_proj, model.layers.1.mlp.up_proj")]
    [InlineData("[\"model.layers.1.mlp\"]", "model.layers.1.mlp.down_proj, model.layers.1.mlp.gate_proj, model.layers.1.mlp.up_proj")]
    [InlineData("[\"proj\", \"layers.1.mlp.up\"]", "")]
    public void A_Configuration_Names_What_Stays(string names, string dense)
    {
        using var folder = new TempFolder();
        Write(folder, "llama", names);
        using var read = ModelLoader.Load(folder.Root, Quantised(TaskKind.CausalLanguage));
        var found = read.Sites.Projections.Where(p => !p.Weight.Base.IsQuantized).Select(p => p.Path).Order(StringComparer.Ordinal);
        Assert.Equal(dense, string.Join(", ", found));
    }

    [Theory]
    [InlineData("\"lm_head\"")]
    [InlineData("[\"lm_head\",null]")]
    [InlineData("[1]")]
    public void Names_That_Are_None_Are_Refused(string names)
    {
        using var folder = new TempFolder();
        Write(folder, "llama", names);
        var message = Assert.Throws<PeftException>(() => ModelLoader.Load(folder.Root, Quantised(TaskKind.CausalLanguage))).Message;
        Assert.Contains($"quantization_config.llm_int8_skip_modules\" is {names}; expected null or the names", message);
    }

    // transformers keeps this map in float32, and would read codes as its numbers.
    [Fact]
    public void The_Output_Of_T5s_Feed_Forward_Block_Stays()
    {
        using var model = TinyModels.Create("t5", new ModelOptions { Quantize = new Nf4Options() });
        var maps = model.Sites.Projections.Where(p => p.Layer >= 0).ToLookup(p => p.Path.EndsWith(".wo", StringComparison.Ordinal));
        Assert.NotEmpty(maps[true]);
        Assert.All(maps[true], map => Assert.False(map.Weight.Base.IsQuantized));
        Assert.All(maps[false], map => Assert.True(map.Weight.Base.IsQuantized));
    }

    // A list that names nothing asks transformers for a head in few bits, which a head that is its embedding table cannot have.
    [Fact]
    public void A_Tied_Head_Is_Written_Among_What_Stays()
    {
        using var folder = new TempFolder();
        using (var model = Writing("gpt2")) ModelWriter.WriteQuantized(model, folder.Root, new Nf4Options());
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Root, "config.json")))!["quantization_config"]!;
        Assert.Equal(["lm_head"], config["llm_int8_skip_modules"]!.AsArray().Select(n => n!.ToString()));
    }

    private static TransformerModel Writing(string architecture)
    {
        var config = ModelConfig.From((JsonObject)JsonNode.Parse(TinyModels.Entry(architecture).Tiny(32))!);
        return ModelLoader.Create(config, null, new ModelOptions { Task = TaskKind.CausalLanguage });
    }

    private static void Write(TempFolder folder, string architecture, string names)
    {
        using (var dense = Writing(architecture)) ModelWriter.Write(dense, folder.Root);
        var file = Path.Combine(folder.Root, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(file))!;
        config["quantization_config"] = new JsonObject
        {
            ["quant_method"] = "bitsandbytes",
            ["load_in_4bit"] = true,
            ["llm_int8_skip_modules"] = JsonNode.Parse(names),
        };
        File.WriteAllText(file, config.ToJsonString());
    }
}
