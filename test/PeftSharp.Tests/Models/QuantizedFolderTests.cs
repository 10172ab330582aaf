using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>Model folders whose weights are kept in few bits, in the layout of transformers.</summary>
public sealed class QuantizedFolderTests
{
    public static TheoryData<string, string> Cases => new(
        from architecture in (string[])["bert", "llama", "gpt2"]
        from form in Quantization.Names
        select (architecture, form));

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_Model_Is_Written_And_Read_As_It_Was_Quantised_In_Memory(string architecture, string name)
    {
        var form = Quantization.Named(name)!;
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        using (var dense = TinyModels.Create(architecture))
            ModelWriter.WriteQuantized(dense, folder.File("a"), form, type: ScalarType.Float32);
        using var read = ModelLoader.Load(folder.File("a"));
        using var direct = TinyModels.Create(architecture, new ModelOptions { Quantize = form });
        var maps = read.Sites.Projections.Where(p => p.Layer >= 0).ToList();
        Assert.NotEmpty(maps);
        Assert.All(maps, map => Assert.Equal(form, Quantization.Of(map.Weight.Base)));
        foreach (var (a, b) in direct.Sites.Slots.Zip(read.Sites.Slots)) Assert.True(Bits.Same(a.Value, b.Value), a.Name);

        // What is in that form already is written as it is.
        ModelWriter.WriteQuantized(read, folder.File("b"), form, type: ScalarType.Float32);
        byte[] Tensors(string name) => File.ReadAllBytes(Path.Combine(folder.File(name), "model.safetensors"));
        Assert.Equal(Tensors("a"), Tensors("b"));
        JsonNode? Config(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File(name), "config.json")));
        Assert.True(JsonNode.DeepEquals(Config("a"), Config("b")));
    }

    [Fact]
    public void The_Names_And_Fields_Of_Eight_Bits_Are_Those_Of_Transformers()
    {
        using var folder = new TempFolder();
        using (var dense = TinyModels.Create("llama")) ModelWriter.WriteQuantized(dense, folder.Root, new Int8Options());
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Root, "config.json")))!["quantization_config"]!;
        Assert.Equal("bitsandbytes", (string?)config["quant_method"]);
        Assert.True((bool)config["load_in_8bit"]!);
        Assert.False((bool)config["load_in_4bit"]!);
        using var checkpoint = Checkpoint.Open(folder.Root);
        const string Map = "model.layers.1.mlp.down_proj.";
        Assert.Equal((ScalarType.Int8, 2), (checkpoint.Info(Map + "weight").ScalarType, checkpoint.Info(Map + "weight").Shape.Length));
        Assert.Equal(ScalarType.Float32, checkpoint.Info(Map + "SCB").ScalarType);
        Assert.Equal([checkpoint.Info(Map + "weight").Shape[0]], checkpoint.Info(Map + "SCB").Shape);
        var format = checkpoint.Info(Map + "weight_format");
        Assert.Equal((ScalarType.Byte, 0), (format.ScalarType, format.Shape.Length));
    }

    [Fact]
    public void A_Model_In_One_Form_Is_Written_In_Another()
    {
        using var folder = new TempFolder();
        using var model = TinyModels.Create("llama", new ModelOptions { Quantize = new Nf4Options() });
        ModelWriter.WriteQuantized(model, folder.Root, new Int8Options());
        using var read = ModelLoader.Load(folder.Root);
        Assert.All(read.Sites.Projections.Where(p => p.Layer >= 0), p => Assert.IsType<Int8Store>(p.Weight.Base));
    }

    // The file says more than the model is asked for; what it lacks is told.
    [Fact]
    public void A_Weight_Of_Eight_Bits_Without_Scales_Is_Refused()
    {
        using var folder = new TempFolder();
        using (var dense = TinyModels.Create("llama")) ModelWriter.WriteQuantized(dense, folder.Root, new Int8Options());
        Drop(folder.Root, "up_proj.SCB");
        var message = Assert.Throws<PeftException>(() => ModelLoader.Load(folder.Root)).Message;
        Assert.Contains("up_proj.weight\" is kept as Int8", message);
    }

    [Theory]
    [InlineData("absmax")]
    [InlineData("quant_map")]
    public void A_Weight_Of_Four_Bits_That_Lacks_A_Tensor_Is_Refused(string part)
    {
        using var folder = new TempFolder();
        using (var dense = TinyModels.Create("llama")) ModelWriter.WriteQuantized(dense, folder.Root, new Nf4Options());
        Drop(folder.Root, $"up_proj.weight.{part}");
        var message = Assert.Throws<PeftException>(() => ModelLoader.Load(folder.Root)).Message;
        Assert.Contains($"lacks \"model.layers.0.mlp.up_proj.weight.{part}\"", message);
    }

    // Nothing would tell but the answers.
    [Theory]
    [InlineData(float.NaN, ScalarType.Float16, "that is NaN or infinite; check the checkpoint that it comes from")]
    [InlineData(float.PositiveInfinity, ScalarType.Float32, "that is NaN or infinite; check the checkpoint that it comes from")]
    [InlineData(7e4f, ScalarType.Float16, "beyond what float16 holds; write it as bfloat16 or float32")]
    [InlineData(7e4f, ScalarType.BFloat16, null)]
    public void What_Stays_Dense_Is_Written_If_It_Is_Finite_There(float value, ScalarType type, string? said)
    {
        using var folder = new TempFolder();
        using var model = TinyModels.Create("bert");
        var head = model.Sites.Slots.Single(slot => slot.Name == "classifier.bias");
        using (no_grad()) head.Value[1] = value;
        void Write() => ModelWriter.WriteQuantized(model, folder.File("a"), new Nf4Options(), type: type);
        void Dense() => ModelWriter.Write(model, folder.File("b"), type);
        foreach (var write in (Action[])[Write, Dense])
            if (said is null) write();
            else Assert.Equal($"classifier.bias has a weight {said}.", Assert.Throws<PeftException>(write).Message);
        Assert.Equal(said is null, File.Exists(Path.Combine(folder.File("a"), "model.safetensors")));
    }

    private static void Drop(string folder, string end)
    {
        Dictionary<string, Tensor> tensors;
        bool IsKept(string tensor) => !tensor.EndsWith(end, StringComparison.Ordinal);
        using (var file = Checkpoint.Open(folder)) tensors = file.Names.Where(IsKept).ToDictionary(n => n, file.Read);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors);
    }
}
