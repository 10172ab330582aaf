using PeftSharp.Files;
using PeftSharp.Tests.Files;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Weights;

/// <summary>Eight bits with one scale a row, against the formula.</summary>
public sealed class Int8StoreTests : IDisposable
{
    private const string Weight = "model.layers.0.mlp.down_proj.weight", Scales = "model.layers.0.mlp.down_proj.SCB",
        Format = "model.layers.0.mlp.down_proj.weight_format";

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Codes_Are_Shares_Of_The_Rows_Largest_And_Halves_Go_To_The_Even()
    {
        var weight = tensor(new float[,] { { 127, -63.5f, 62.5f, 0.4f }, { 0.5f, -1, 0, 0.25f }, { 0, 0, 0, 0 } });
        var tensors = Int8Store.Quantize(weight).ToBitsAndBytes(Weight).ToDictionary();
        Assert.Equal([127, -64, 62, 0, 64, -127, 0, 32, 0, 0, 0, 0], tensors[Weight].data<sbyte>().ToArray());
        Assert.Equal([127f, 1f, 0f], tensors[Scales].data<float>().ToArray());
        Assert.Equal(0, tensors[Format].item<byte>());
        Assert.Empty(tensors[Format].shape);
    }

    // As bitsandbytes' operator: code times scale, rounded, times 1/127, rounded.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 15)]
    [InlineData(5, 67)]
    [InlineData(129, 512)] // above what one thread takes
    public void A_Value_Is_Code_Times_Scale_By_127(int rows, int columns)
    {
        using var store = Int8Store.Quantize(randn(rows, columns));
        var tensors = store.ToBitsAndBytes(Weight).ToDictionary();
        var expected = tensors[Weight].to(ScalarType.Float32) * tensors[Scales].unsqueeze(1) * (1f / 127);
        Assert.True(expected.equal(store.Dense()).all().item<bool>());
        var half = empty(rows, columns, dtype: ScalarType.BFloat16);
        store.DecodeInto(half);
        Assert.True(expected.bfloat16().equal(half).all().item<bool>());
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(1e-30)]
    [InlineData(1e-40)] // subnormal, where 127 / scale would be infinite
    [InlineData(1e30)]
    public void A_Value_Is_Off_By_Half_A_Step_At_Most(double size)
    {
        var weight = randn(40, 50) * size;
        using var store = Int8Store.Quantize(weight);
        var step = weight.abs().amax([1], keepdim: true) / 127;
        // Below the smallest normal number a step may be as large as the row's largest.
        var allowed = size < 1e-37 ? weight.abs().amax([1], keepdim: true) * 1.01 : step * 0.5001;
        Assert.True(((store.Dense() - weight).abs() <= allowed).all().item<bool>());
    }

    // No reference file has rows of eight bits, so the definition as it is written decides, in double precision and number by number:
    // absmax of the row, code = 127 · w / absmax to the nearest, w = code · absmax / 127 (arXiv 2208.07339, section 2.1).
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void Random_Weights_Are_As_The_Definition_Says(ScalarType type)
    {
        const int Rows = 33, Columns = 130;
        // Rows of sizes from 1e-4 to 1e4 with single outliers, and one row of zeros.
        var weight = randn(Rows, Columns) * linspace(-4, 4, Rows).exp2().pow(3.3).unsqueeze(1);
        weight[5, 7] = weight[5].abs().max() * 40;
        weight[6] = 0;
        weight = weight.to(type);
        using var store = Int8Store.Quantize(weight);
        var tensors = store.ToBitsAndBytes(Weight).ToDictionary();
        var (codes, scales) = (tensors[Weight].data<sbyte>().ToArray(), tensors[Scales].data<float>().ToArray());
        var (given, values) = (weight.@double().data<double>().ToArray(), store.Dense().data<float>().ToArray());
        for (var row = 0; row < Rows; row++)
        {
            var own = given.AsSpan(row * Columns, Columns).ToArray();
            var absmax = own.Max(Math.Abs);
            Assert.Equal(absmax, scales[row]); // a number of the weight itself, so without any rounding
            for (var i = 0; i < Columns; i++)
            {
                var (exact, code) = (absmax == 0 ? 0 : 127 * own[i] / absmax, codes[row * Columns + i]);
                // Nearest, but where float32's rounding of the product decides between two that are equally near.
                Assert.InRange(Math.Abs(exact - code), 0, 0.5 + 127 * 1.2e-7 * 2);
                Assert.Equal(code * absmax / 127, values[row * Columns + i], absmax * 2.4e-7);
                if (Math.Abs(own[i]) == absmax && absmax > 0) Assert.Equal(127 * Math.Sign(own[i]), code);
            }
        }
    }

    // What is quantised has found its values: quantising them again changes no code.
    [Fact]
    public void Values_That_Were_Quantised_Keep_Their_Codes()
    {
        using var store = Int8Store.Quantize(randn(17, 90));
        using var again = Int8Store.Quantize(store.Dense());
        var (first, second) = (store.ToBitsAndBytes(Weight).ToDictionary(), again.ToBitsAndBytes(Weight).ToDictionary());
        Assert.Equal(first[Weight].data<sbyte>().ToArray(), second[Weight].data<sbyte>().ToArray());
    }

    [Fact]
    public void Its_Form()
    {
        using var store = Int8Store.Quantize(randn(384, 768).bfloat16());
        store.ComputeType = ScalarType.BFloat16;
        Assert.Equal((384, 768, "int8", 384 * 768 + 4 * 384), (store.OutFeatures, store.InFeatures, store.Kind, store.Bytes));
        using var like = (Int8Store)store.Like(store.Dense());
        Assert.Equal(ScalarType.BFloat16, like.ComputeType);
        Assert.True(like.Dense().equal(store.Dense()).all().item<bool>());
    }

    [Fact]
    public void A_Weight_Is_Written_And_Read()
    {
        using var store = Int8Store.Quantize(randn(24, 65));
        using var read = Read(store.ToBitsAndBytes(Weight).ToDictionary());
        Assert.True(store.Dense().equal(read.Dense()).all().item<bool>());
        // Files of early versions lack the format, and keep scales in half precision.
        var tensors = store.ToBitsAndBytes(Weight).ToDictionary();
        tensors.Remove(Format);
        tensors[Scales] = tensors[Scales].half();
        using var early = Read(tensors);
        var scales = early.ToBitsAndBytes(Weight).ToDictionary()[Scales];
        Assert.True(tensors[Scales].@float().equal(scales).all().item<bool>());
    }

    [Fact]
    public void Bad_Input_Is_Refused_In_One_Sentence()
    {
        Assert.Contains("[3]", Assert.Throws<PeftException>(() => Int8Store.Quantize(ones(3))).Message);
        Assert.Contains("[0, 3]", Assert.Throws<PeftException>(() => Int8Store.Quantize(ones(0, 3))).Message);
        foreach (var bad in (float[])[float.NaN, float.NegativeInfinity])
        {
            var weight = ones(3, 11);
            weight[1, 10] = bad;
            Assert.Contains("NaN or infinite", Assert.Throws<PeftException>(() => Int8Store.Quantize(weight)).Message);
        }
        Assert.Contains("lacks", Refusal(t => t.Remove(Scales)));
        Assert.Contains("5 elements of Float32 where 4", Refusal(t => t[Scales] = ones(5)));
        Assert.Contains("Float64", Refusal(t => t[Scales] = ones(4, dtype: ScalarType.Float64)));
        Assert.Contains("NaN or infinite", Refusal(t => t[Scales] = full(4, float.NaN)));
        Assert.Contains("Byte and shape [4, 6]", Refusal(t => t[Weight] = ones(4, 6, dtype: ScalarType.Byte)));
        Assert.Contains("Int8 and shape [24]", Refusal(t => t[Weight] = ones(24, dtype: ScalarType.Int8)));
        Assert.Contains("laid out for a GPU", Refusal(t => t[Format] = tensor((byte)2)));
        Assert.Contains("laid out for a GPU", Refusal(t => t[Format] = tensor(0L)));
    }

    private string Refusal(Action<Dictionary<string, Tensor>> change)
    {
        var tensors = Int8Store.Quantize(randn(4, 6)).ToBitsAndBytes(Weight).ToDictionary();
        change(tensors);
        var message = Assert.Throws<PeftException>(() => Read(tensors)).Message;
        Assert.Contains(Weight, message);
        Assert.EndsWith(".", message);
        return message;
    }

    private Int8Store Read(Dictionary<string, Tensor> tensors)
    {
        var file = _folder.File($"{Guid.NewGuid():N}.safetensors");
        SafetensorsWriter.Write(file, tensors);
        using var checkpoint = Checkpoint.Open(file);
        return Int8Store.FromBitsAndBytes(checkpoint, Weight);
    }
}
