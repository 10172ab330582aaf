using PeftSharp.Files;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Weights;

/// <summary>The reference is bitsandbytes; equality is of bits.</summary>
public sealed class Nf4CodecTests : IDisposable
{
    private readonly SafetensorsFile _blocks = SafetensorsFile.Open(TestPaths.Fixture("quantization", "blocks.safetensors"));
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _blocks.Dispose();
    }

    private static byte[] Bits(Tensor tensor) => tensor.contiguous().bytes.ToArray();

    private byte[] Bits(string name)
    {
        using var read = _blocks.Read(name);
        return Bits(read);
    }

    public static TheoryData<string, int> Cases => new()
    {
        { "w", 64 }, { "w", 128 }, { "wide", 64 }, { "wide", 128 }, { "odd", 64 }, { "odd", 128 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Codes_And_Scales_Equal_The_Reference(string weight, int block)
    {
        var (codes, absmax) = Nf4Codec.Encode(_blocks.Read($"{weight}.weight"), block);
        Assert.Equal(Bits($"{weight}.nf4.{block}.codes"), Bits(codes));
        Assert.Equal(Bits($"{weight}.nf4.{block}.absmax"), Bits(absmax));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Dequantised_Values_Equal_The_Reference_On_Every_Path(string weight, int block)
    {
        var codes = _blocks.Read($"{weight}.nf4.{block}.codes");
        var absmax = _blocks.Read($"{weight}.nf4.{block}.absmax");
        var expected = _blocks.Read($"{weight}.nf4.{block}.dequantized");
        Assert.Equal(Bits(expected), Bits(Nf4Codec.Decode(codes, absmax, expected.NumberOfElements, block)));
        foreach (var width in Enum.GetValues<Nf4Decoder.Width>().Where(w => w <= Nf4Decoder.Best))
            foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            {
                var to = empty(expected.shape, type);
                Nf4Decoder.Decode(codes, BlockScales.Of(absmax), expected.NumberOfElements, block, to, width);
                Assert.Equal(Bits(expected.to(type)), Bits(to));
            }
    }

    [Theory]
    [InlineData("w")]
    [InlineData("wide")]
    [InlineData("odd")]
    public void Double_Quantisation_Equals_The_Reference(string weight)
    {
        var store = Nf4Store.Quantize(_blocks.Read($"{weight}.weight"), 64, doubleQuantization: true);
        var tensors = store.ToBitsAndBytes("p").ToDictionary(pair => pair.Key, pair => pair.Value);
        var reference = $"{weight}.nf4.64.double.";
        Assert.Equal(Bits(reference + "codes"), Bits(tensors["p"]));
        Assert.Equal(Bits(reference + "absmax_codes"), Bits(tensors["p.absmax"]));
        Assert.Equal(Bits(reference + "nested_absmax"), Bits(tensors["p.nested_absmax"]));
        Assert.Equal(Bits(reference + "nested_map"), Bits(tensors["p.nested_quant_map"]));
        Assert.Equal(Bits(reference + "dequantized"), Bits(store.Dense()));
    }

    [Fact]
    public void The_Maps_Equal_The_Reference()
    {
        Assert.Equal(Bits("nf4.map"), Bits(tensor(Nf4Codec.Levels.ToArray())));
        Assert.Equal(Bits("dynamic8.map"), Bits(tensor(DoubleQuantization.Map.ToArray())));
    }

    [Fact]
    public void Eight_Bit_Blocks_Equal_The_Reference()
    {
        var (codes, absmax) = DoubleQuantization.EncodeBlocks(_blocks.Read("blockwise8.input").data<float>().ToArray());
        Assert.Equal(Bits("blockwise8.absmax"), Bits(tensor(absmax)));
        Assert.Equal(Bits("blockwise8.codes"), codes);
    }

    [Theory]
    [InlineData(1, 32)]
    [InlineData(31, 32)]
    [InlineData(33, 32)]
    [InlineData(4097, 4096)]
    [InlineData(1_300_007, 64)] // above what one thread takes
    public void Quantising_What_Was_Dequantised_Changes_Nothing(int count, int block)
    {
        var (codes, absmax) = Nf4Codec.Encode(randn(count), block);
        var decoded = Nf4Codec.Decode(codes, absmax, count, block);
        var (again, scales) = Nf4Codec.Encode(decoded, block);
        Assert.Equal(Bits(absmax), Bits(scales));
        Assert.Equal(Bits(codes), Bits(again));
    }

    [Fact]
    public void A_Weight_Lands_On_Its_Nearest_Level()
    {
        var x = rand(10_000) * 2 - 1;
        for (var i = 0; i < 10_000; i += 4096) x[i] = 1; // the scale of each block
        var (codes, absmax) = Nf4Codec.Encode(x, 4096);
        var error = (Nf4Codec.Decode(codes, absmax, 10_000, 4096) - x).abs();
        var nearest = (x.unsqueeze(1) - tensor(Nf4Codec.Levels.ToArray())).abs().amin([1]);
        Assert.True((error - nearest).abs().max().item<float>() < 1e-6);
    }

    [Fact]
    public void Zeros_Stay_Zeros()
    {
        var (codes, absmax) = Nf4Codec.Encode(zeros(100), 64);
        Assert.Equal(0, Nf4Codec.Decode(codes, absmax, 100, 64).abs().sum().item<float>());
    }

    [Fact]
    public void Bad_Input_Is_Refused()
    {
        Assert.Contains("power of two", Assert.Throws<PeftException>(() => Nf4Codec.Encode(ones(4), 48)).Message);
        Assert.Contains("power of two", Assert.Throws<PeftException>(() => Nf4Codec.Encode(ones(4), 8192)).Message);
        Assert.Contains("without elements", Assert.Throws<PeftException>(() => Nf4Codec.Encode(ones(0))).Message);
        foreach (var bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            foreach (var at in (int[])[0, 68])
            {
                var x = ones(69);
                x[at] = bad;
                Assert.Contains("NaN or infinite", Assert.Throws<PeftException>(() => Nf4Codec.Encode(x)).Message);
            }
        Assert.Contains("are needed", Assert.Throws<PeftException>(() => Nf4Codec.Decode(zeros(3, ScalarType.Byte), ones(1), 8)).Message);
    }
}
