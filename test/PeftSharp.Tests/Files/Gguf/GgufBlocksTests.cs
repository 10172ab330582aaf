using PeftSharp.Files;
using PeftSharp.Files.Gguf;
using PeftSharp.Interop;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Files.Gguf;

/// <summary>Blocks against what the reference dequantisation makes of them, and weights kept in them.</summary>
public sealed class GgufBlocksTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly SafetensorsFile _fixture;

    public GgufBlocksTests()
    {
        LibTorch.EnsureLoaded();
        _fixture = SafetensorsFile.Open(TestPaths.Fixture("quantization", "gguf.safetensors"));
    }

    public static TheoryData<string> Packed => ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"];

    public static TheoryData<string> All => ["F16", "BF16", .. Packed.Select(row => row.Data)];

    public void Dispose()
    {
        _fixture.Dispose();
        _scope.Dispose();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Values_Are_Bit_Equal_To_The_Reference(string type)
    {
        var (blocks, expected) = (_fixture.Read($"{type}.blocks"), _fixture.Read($"{type}.dequantized"));
        var found = empty_like(expected);
        GgufBlocks.Decode(GgufType.Named(type)!, blocks, found);
        Assert.Equal(Bits(expected), Bits(found));
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void A_Weight_In_Blocks_Multiplies_As_The_Dense_One(string type)
    {
        using var store = new GgufStore(_fixture.Read($"{type}.blocks"), GgufType.Named(type)!);
        var dense = _fixture.Read($"{type}.dequantized");
        Assert.Equal(type.ToLowerInvariant(), store.Kind);
        Assert.Equal((dense.shape[0], dense.shape[1]), (store.OutFeatures, store.InFeatures));
        Assert.Equal(_fixture.Tensors[$"{type}.blocks"].ByteLength, store.Bytes);
        Assert.Equal(Bits(dense), Bits(store.Dense()));
        foreach (var precision in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            var x = randn([2, 3, 512], precision, requires_grad: true);
            var (y, expected) = (store.Linear(x), nn.functional.linear(x, dense.to(precision)));
            var g = randn(expected.shape, precision);
            var tolerance = Rounding.Of(512, precision);
            Assert.True(Distance(y, expected) <= tolerance * Largest(expected));
            var (gradient, wanted) = (autograd.grad([y], [x], [g])[0], autograd.grad([expected], [x], [g])[0]);
            AutogradFailures.ThrowIfAny();
            Assert.True(Distance(gradient, wanted) <= tolerance * Largest(wanted));
        }
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void In_Bfloat16_Weights_Are_Those_Of_Float32_Rounded(string type)
    {
        using var store = new GgufStore(_fixture.Read($"{type}.blocks"), GgufType.Named(type)!);
        var rounded = empty([store.OutFeatures, store.InFeatures], ScalarType.BFloat16);
        store.DecodeInto(rounded);
        Assert.Equal(Bits(store.Dense().to(ScalarType.BFloat16).to(ScalarType.Float32)), Bits(rounded.to(ScalarType.Float32)));
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void A_Handful_Of_Rows_Is_Multiplied_In_The_Blocks(string type)
    {
        using var store = new GgufStore(_fixture.Read($"{type}.blocks"), GgufType.Named(type)!);
        var (dense, bias) = (_fixture.Read($"{type}.dequantized"), randn(store.OutFeatures));
        foreach (var shape in (long[][])[[512], [1, 512], [2, 2, 512], [4, 512], [5, 512], [0, 512]])
        {
            var x = randn(shape);
            using var guard = no_grad();
            var few = FewRows.Try([store], x);
            Assert.Equal(x.numel() <= FewRows.Most * 512, few is not null);
            foreach (var added in (Tensor?[])[null, bias])
            {
                var (product, expected) = (few ?? store.Linear(x), nn.functional.linear(x, dense, added));
                var y = added is null ? product : product.Plus(added);
                Assert.Equal(expected.shape, y.shape);
                if (x.numel() > 0) Assert.True(Distance(y, expected) <= Rounding.Of(512) * Largest(expected),
                    $"{type} {Distance(y, expected)}");
            }
        }
    }

    [Fact]
    public void Weights_Of_One_Input_In_Different_Blocks_Are_One_Product()
    {
        WeightStore[] stores = [.. new[] { "Q4_K", "Q6_K", "Q8_0" }.Select(type =>
            new GgufStore(_fixture.Read($"{type}.blocks"), GgufType.Named(type)!))];
        var join = WeightJoin.Of(stores);
        Assert.NotNull(join);
        foreach (var rows in new[] { 1, 3, 7 })
        {
            var x = randn(rows, 512);
            var expected = cat([.. stores.Select(store => nn.functional.linear(x, store.Dense()))], -1);
            Assert.True(Distance(expected, join.Linear(x, null, 0)) <= Rounding.Of(512) * Largest(expected));
        }
        Array.ForEach(stores, store => store.Dispose());
    }

    [Fact]
    public void A_Merged_Weight_Is_Exact_And_Dense()
    {
        using var store = new GgufStore(_fixture.Read("Q4_0.blocks"), GgufType.Named("Q4_0")!);
        var merged = store.Dense().add(1e-3);
        using var like = store.Like(merged);
        Assert.Equal(Bits(merged), Bits(like.Dense()));
    }

    [Fact]
    public void Eight_Bits_Are_Written_As_The_Reference_Writes_Them()
    {
        var written = Q8Encoder.Encode(_fixture.Read("weight").contiguous());
        using var expected = _fixture.Read("Q8_0.blocks");
        Assert.Equal(expected.data<byte>().ToArray(), written);
        Assert.Contains("scales are 16-bit floats", Assert.Throws<PeftException>(() => Q8Encoder.Encode(full([32], 1e30f))).Message);
    }

    private static int[] Bits(Tensor x) => [.. x.contiguous().data<float>().ToArray().Select(BitConverter.SingleToInt32Bits)];

    private static double Distance(Tensor a, Tensor b) => (a - b).abs().max().to(ScalarType.Float64).item<double>();

    private static double Largest(Tensor x) => Math.Max(1, x.abs().max().to(ScalarType.Float64).item<double>());
}
