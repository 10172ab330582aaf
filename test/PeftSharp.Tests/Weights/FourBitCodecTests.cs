using PeftSharp.Files;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Weights;

/// <summary>The reference is bitsandbytes; equality is of bits.</summary>
public sealed class FourBitCodecTests : IDisposable
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

    public static TheoryData<string, string, int> Cases => new(
        from code in (string[])["nf4", "fp4"]
        from weight in (string[])["w", "wide", "odd"]
        from block in (int[])[64, 128]
        select (code, weight, block));

    public static TheoryData<string> Codes => [.. FourBitCode.All.Select(code => code.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Codes_And_Scales_Equal_The_Reference(string code, string weight, int block)
    {
        var (codes, absmax) = FourBitCodec.Encode(_blocks.Read($"{weight}.weight"), block, FourBitCode.Find(code));
        Assert.Equal(Bits($"{weight}.{code}.{block}.codes"), Bits(codes));
        Assert.Equal(Bits($"{weight}.{code}.{block}.absmax"), Bits(absmax));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Dequantised_Values_Equal_The_Reference_On_Every_Path(string name, string weight, int block)
    {
        var code = FourBitCode.Find(name)!;
        var codes = _blocks.Read($"{weight}.{code}.{block}.codes");
        var absmax = _blocks.Read($"{weight}.{code}.{block}.absmax");
        var expected = _blocks.Read($"{weight}.{code}.{block}.dequantized");
        Assert.Equal(Bits(expected), Bits(FourBitCodec.Decode(codes, absmax, expected.NumberOfElements, block, code)));
        foreach (var width in Enum.GetValues<FourBitDecoder.Width>().Where(w => w <= FourBitDecoder.Best))
            foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            {
                var to = empty(expected.shape, type);
                FourBitDecoder.Decode(codes, BlockScales.Of(absmax), code, expected.NumberOfElements, block, to, width);
                Assert.Equal(Bits(expected.to(type)), Bits(to));
            }
    }

    [Theory]
    [InlineData("nf4", "w")]
    [InlineData("nf4", "wide")]
    [InlineData("nf4", "odd")]
    [InlineData("fp4", "w")]
    [InlineData("fp4", "wide")]
    [InlineData("fp4", "odd")]
    public void Double_Quantisation_Equals_The_Reference(string code, string weight)
    {
        var store = FourBitStore.Quantize(_blocks.Read($"{weight}.weight"), 64, doubleQuantization: true, FourBitCode.Find(code));
        var tensors = store.ToBitsAndBytes("p").ToDictionary(pair => pair.Key, pair => pair.Value);
        var reference = $"{weight}.{code}.64.double.";
        Assert.Equal(Bits(reference + "codes"), Bits(tensors["p"]));
        Assert.Equal(Bits(reference + "absmax_codes"), Bits(tensors["p.absmax"]));
        Assert.Equal(Bits(reference + "nested_absmax"), Bits(tensors["p.nested_absmax"]));
        Assert.Equal(Bits(reference + "nested_map"), Bits(tensors["p.nested_quant_map"]));
        Assert.Equal(Bits(reference + "dequantized"), Bits(store.Dense()));
    }

    [Fact]
    public void The_Maps_Equal_The_Reference()
    {
        foreach (var code in FourBitCode.All) Assert.Equal(Bits($"{code}.map"), Bits(tensor(code.Levels.ToArray())));
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
        var (codes, absmax) = FourBitCodec.Encode(randn(count), block);
        var decoded = FourBitCodec.Decode(codes, absmax, count, block);
        var (again, scales) = FourBitCodec.Encode(decoded, block);
        Assert.Equal(Bits(absmax), Bits(scales));
        Assert.Equal(Bits(codes), Bits(again));
    }

    // FP4 has zero twice, so that codes may change.
    [Theory]
    [MemberData(nameof(Codes))]
    public void Values_That_Were_Dequantised_Are_Quantised_To_Themselves(string name)
    {
        var code = FourBitCode.Find(name)!;
        var (codes, absmax) = FourBitCodec.Encode(randn(5000), 256, code);
        var decoded = FourBitCodec.Decode(codes, absmax, 5000, 256, code);
        (codes, absmax) = FourBitCodec.Encode(decoded, 256, code);
        Assert.True(decoded.equal(FourBitCodec.Decode(codes, absmax, 5000, 256, code)).all().item<bool>());
    }

    [Theory]
    [MemberData(nameof(Codes))]
    public void A_Weight_Lands_On_Its_Nearest_Level(string name)
    {
        var code = FourBitCode.Find(name)!;
        var x = rand(10_000) * 2 - 1;
        for (var i = 0; i < 10_000; i += 4096) x[i] = 1; // the scale of each block
        var (codes, absmax) = FourBitCodec.Encode(x, 4096, code);
        var error = (FourBitCodec.Decode(codes, absmax, 10_000, 4096, code) - x).abs();
        var nearest = (x.unsqueeze(1) - tensor(code.Levels.ToArray())).abs().amin([1]);
        Assert.True((error - nearest).abs().max().item<float>() < 1e-6);
    }

    [Fact]
    public void Zeros_Stay_Zeros()
    {
        var (codes, absmax) = FourBitCodec.Encode(zeros(100), 64);
        Assert.Equal(0, FourBitCodec.Decode(codes, absmax, 100, 64).abs().sum().item<float>());
    }

    [Fact]
    public void Bad_Input_Is_Refused()
    {
        Assert.Contains("power of two", Assert.Throws<PeftException>(() => FourBitCodec.Encode(ones(4), 48)).Message);
        Assert.Contains("power of two", Assert.Throws<PeftException>(() => FourBitCodec.Encode(ones(4), 8192)).Message);
        Assert.Contains("without elements", Assert.Throws<PeftException>(() => FourBitCodec.Encode(ones(0))).Message);
        foreach (var bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            foreach (var at in (int[])[0, 68])
            {
                var x = ones(69);
                x[at] = bad;
                Assert.Contains("NaN or infinite", Assert.Throws<PeftException>(() => FourBitCodec.Encode(x)).Message);
            }
        var tooShort = Assert.Throws<PeftException>(() => FourBitCodec.Decode(zeros(3, ScalarType.Byte), ones(1), 8));
        Assert.Contains("are needed", tooShort.Message);
    }
}
