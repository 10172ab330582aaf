using System.Text;
using PeftSharp.Files;
using PeftSharp.Tests.Files;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Weights;

public sealed class BitsAndBytesTests : IDisposable
{
    private const string Weight = "model.layers.0.mlp.down_proj.weight";
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static string Model(string name) => TestPaths.Fixture("quantization", name, "model.safetensors");

    private static IEnumerable<string> Quantised(Checkpoint checkpoint) =>
        checkpoint.Names.Where(n => n.EndsWith(".quant_map", StringComparison.Ordinal)).Select(n => n[..^".quant_map".Length]);

    [Theory]
    [InlineData("llama64-nf4")]
    [InlineData("llama64-nf4-double")]
    public void A_Checkpoint_Read_And_Written_Again_Is_The_Same_File(string name)
    {
        using var checkpoint = Checkpoint.Open(Model(name));
        var tensors = new Dictionary<string, Tensor>();
        foreach (var weight in Quantised(checkpoint))
            foreach (var (key, value) in FourBitStore.FromBitsAndBytes(checkpoint, weight).ToBitsAndBytes(weight)) tensors.Add(key, value);
        Assert.Equal(14, tensors.Keys.Count(key => key.EndsWith("_proj.weight", StringComparison.Ordinal)));
        foreach (var key in checkpoint.Names.Where(key => !tensors.ContainsKey(key))) tensors.Add(key, checkpoint.Read(key));
        SafetensorsWriter.Write(_folder.File("again.safetensors"), tensors, checkpoint.Metadata);
        Assert.Equal(File.ReadAllBytes(Model(name)), File.ReadAllBytes(_folder.File("again.safetensors")));
    }

    // No such checkpoint is among the references; codes, scales and map are (FourBitCodecTests), and names and state are those of nf4.
    [Theory]
    [InlineData(64, false)]
    [InlineData(4096, true)]
    public void A_Weight_In_Fp4_Is_Written_And_Read(int block, bool isDouble)
    {
        using var store = FourBitStore.Quantize(randn(24, 65), block, isDouble, FourBitCode.Fp4);
        var written = store.ToBitsAndBytes(Weight).ToDictionary();
        var state = Encoding.UTF8.GetString(written[Weight + ".quant_state.bitsandbytes__fp4"].bytes);
        Assert.Contains($"\"quant_type\": \"fp4\", \"blocksize\": {block}, ", state);
        SafetensorsWriter.Write(_folder.File("x.safetensors"), written);
        using var checkpoint = Checkpoint.Open(_folder.File("x.safetensors"));
        using var read = FourBitStore.FromBitsAndBytes(checkpoint, Weight);
        Assert.Equal((FourBitCode.Fp4, block, isDouble), (read.Code, read.BlockSize, read.IsDouble));
        Assert.True(store.Dense().equal(read.Dense()).all().item<bool>());
    }

    // The unquantised model is larger than a test should carry.
    [Theory]
    [InlineData("llama64-nf4", false)]
    [InlineData("llama64-nf4-double", true)]
    public void Quantising_The_Original_Gives_What_Transformers_Wrote(string name, bool isDouble)
    {
        using var original = Checkpoint.Open(TestPaths.RequireShared("fixtures", "models", "llama64"));
        using var checkpoint = Checkpoint.Open(Model(name));
        foreach (var weight in Quantised(checkpoint))
        {
            var ours = FourBitStore.Quantize(original.Read(weight), 64, isDouble);
            var theirs = FourBitStore.FromBitsAndBytes(checkpoint, weight);
            foreach (var (mine, reference) in ours.ToBitsAndBytes("w").Zip(theirs.ToBitsAndBytes("w")))
                Assert.True(mine.Value.bytes.SequenceEqual(reference.Value.bytes), $"{weight}: {mine.Key}");
            Assert.True(ours.Dense().equal(theirs.Dense()).all().item<bool>());
        }
    }

    [Fact]
    public void Dense_Is_Level_Times_Scale()
    {
        using var checkpoint = Checkpoint.Open(Model("llama64-nf4"));
        var store = FourBitStore.FromBitsAndBytes(checkpoint, Weight);
        var (codes, absmax) = (checkpoint.Read(Weight).bytes.ToArray(), checkpoint.Read(Weight + ".absmax").data<float>().ToArray());
        var expected = Enumerable.Range(0, 64 * 128)
            .Select(i => FourBitCode.Nf4.Levels[i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15] * absmax[i / 64]).ToArray();
        Assert.Equal([64, 128], store.Dense().shape);
        Assert.Equal(expected, store.Dense().data<float>().ToArray());
        Assert.Equal("float32", store.OriginalType);
    }

    private string Refusal(string fixture, Action<Dictionary<string, Tensor>> change)
    {
        using var checkpoint = Checkpoint.Open(Model(fixture));
        var tensors = checkpoint.Names.Where(n => n.StartsWith(Weight, StringComparison.Ordinal)).ToDictionary(n => n, checkpoint.Read);
        change(tensors);
        SafetensorsWriter.Write(_folder.File("x.safetensors"), tensors);
        using var changed = Checkpoint.Open(_folder.File("x.safetensors"));
        var message = Assert.Throws<PeftException>(() => FourBitStore.FromBitsAndBytes(changed, Weight)).Message;
        Assert.Contains(Weight, message);
        Assert.EndsWith(".", message);
        return message;
    }

    private string Refusal(string from, string to) => Refusal("llama64-nf4-double", tensors =>
    {
        var state = Encoding.UTF8.GetString(tensors[Weight + ".quant_state.bitsandbytes__nf4"].bytes);
        Assert.Contains(from, state);
        tensors[Weight + ".quant_state.bitsandbytes__nf4"] = tensor(Encoding.UTF8.GetBytes(state.Replace(from, to)));
    });

    private static void Rename(Dictionary<string, Tensor> tensors, string state, string kind)
    {
        tensors[state.Replace("nf4", kind)] = tensors[state];
        tensors.Remove(state);
    }

    [Theory]
    [InlineData("\"nested_blocksize\": 256", "\"nested_blocksize\": 64", "blocks of 64")]
    [InlineData("\"nested_dtype\": \"float32\"", "\"nested_dtype\": \"float16\"", "float16")]
    [InlineData("\"nf4\"", "\"fp4\"", "quant_type \"fp4\"")]
    [InlineData("\"blocksize\": 64", "\"blocksize\": 65", "blocksize 65")]
    [InlineData("\"blocksize\": 64", "\"blocksize\": 128", "64 of Byte were expected")]
    [InlineData("\"blocksize\": 64", "\"blocksize\": \"64\"", "cannot be read")]
    [InlineData("\"dtype\": \"float32\", \"shape\"", "\"dtype\": \"int8\", \"shape\"", "dtype \"int8\"")]
    [InlineData("[64, 128]", "[64, 64]", "2048")]
    [InlineData("[64, 128]", "[64, 128, 1]", "shape [64, 128, 1]")]
    [InlineData("[64, 128]", "[0, 128]", "shape [0, 128]")]
    [InlineData("[64, 128]", "[4294967296, 4294967296]", "shape")]
    [InlineData("{", "", "JSON")]
    [InlineData("\"nested_blocksize\"", "\"x\"", "cannot be read")]
    public void A_Bad_State_Is_Refused_In_One_Sentence(string from, string to, string says) => Assert.Contains(says, Refusal(from, to));

    [Fact]
    public void Missing_And_Wrong_Tensors_Are_Refused()
    {
        const string Plain = "llama64-nf4", State = Weight + ".quant_state.bitsandbytes__nf4";
        Assert.Contains("has 0 tensors", Refusal(Plain, t => t.Remove(State)));
        Assert.Contains("has 2 tensors", Refusal(Plain, t => t[State.Replace("nf4", "fp4")] = t[State]));
        Assert.Contains("where \"fp4\" was expected", Refusal(Plain, t => Rename(t, State, "fp4")));
        Assert.Contains("stored as \"af4\" where one of nf4, fp4", Refusal(Plain, t => Rename(t, State, "af4")));
        Assert.Contains("lacks it", Refusal(Plain, t => t.Remove(Weight)));
        Assert.Contains("4095 bytes of codes", Refusal(Plain, t => t[Weight] = zeros([4095, 1], ScalarType.Byte)));
        Assert.Contains("lacks", Refusal(Plain, t => t.Remove(Weight + ".absmax")));
        Assert.Contains("127 elements", Refusal(Plain, t => t[Weight + ".absmax"] = ones(127)));
        Assert.Contains("Float64", Refusal(Plain, t => t[Weight + ".absmax"] = ones(128, ScalarType.Float64)));
        Assert.Contains("not the map", Refusal(Plain, t => t[Weight + ".quant_map"] = linspace(-1, 1, 16, ScalarType.Float32)));
        Assert.Contains("nested_absmax", Refusal("llama64-nf4-double", t => t.Remove(Weight + ".nested_absmax")));
        Assert.Contains("nested_quant_map", Refusal("llama64-nf4-double", t => t[Weight + ".nested_quant_map"] = ones(255)));
    }

    [Fact]
    public void Codes_Stored_Under_Another_Type_Are_The_Same_Bytes()
    {
        using var checkpoint = Checkpoint.Open(Model("llama64-nf4"));
        var expected = FourBitStore.FromBitsAndBytes(checkpoint, Weight);
        var tensors = checkpoint.Names.Where(n => n.StartsWith(Weight, StringComparison.Ordinal)).ToDictionary(n => n, checkpoint.Read);
        var wide = empty([1024, 1], ScalarType.Float32);
        tensors[Weight].bytes.CopyTo(wide.bytes);
        tensors[Weight] = wide;
        SafetensorsWriter.Write(_folder.File("x.safetensors"), tensors);
        using var changed = Checkpoint.Open(_folder.File("x.safetensors"));
        Assert.True(expected.Dense().equal(FourBitStore.FromBitsAndBytes(changed, Weight).Dense()).all().item<bool>());
    }
}
