using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using PeftSharp.Files.Gguf;
using PeftSharp.Interop;
using PeftSharp.Weights;
using PeftSharp.Weights.BlockProducts;
using TorchSharp;
using static TorchSharp.torch;
using Width = PeftSharp.Weights.BlockProducts.BlockProduct.Width;

namespace PeftSharp.Tests.Weights;

/// <summary>A law: a row of blocks times a row of inputs is what the unpacked weights give, whatever instructions compute it.</summary>
public sealed class BlockProductTests
{
    private const int Rows = 11;

    // How an IEEE half begins that is zero, below the smallest normal one, small, and of the size of weights.
    private static readonly ushort[] Scales = [0x0000, 0x8000, 0x0003, 0x83FF, 0x0400, 0x1A37, 0x9A38, 0x24B1, 0xA8CD];

    public static TheoryData<string, int> Cases
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var type in new[] { "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0" })
                foreach (var columns in new[] { 32, 96, 576 })
                    data.Add(type, columns);
            foreach (var type in new[] { "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K" })
                foreach (var columns in new[] { 256, 1536 })
                    data.Add(type, columns);
            return data;
        }
    }

    private static IEnumerable<Width> Widths => Enum.GetValues<Width>().Where(width => width <= BlockProduct.Best);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_Handful_Of_Rows_Is_What_Unpacked_Weights_Give(string name, int columns)
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var type = GgufType.Named(name)!;
        using var store = new GgufStore(tensor(Blocks(type, columns), [Rows, (long)type.BytesOf(columns)]), type);
        for (var count = 1; count <= FewRows.Most; count++)
        {
            var x = randn([count, columns], generator: new Generator((ulong)(columns + count)));
            var found = FewRows.Try([store], x)!.data<float>().ToArray();
            Compare(store.Dense().data<float>().ToArray(), x.data<float>().ToArray(), found, columns, name);
        }
    }

    [Theory]
    [InlineData("Q4_0")]
    [InlineData("Q4_1")]
    [InlineData("Q8_0")]
    public unsafe void Every_Set_Of_Instructions_Obeys_It(string name)
    {
        foreach (var width in Widths)
            foreach (var columns in new[] { 32, 96, 576 })
            {
                var (type, x) = (GgufType.Named(name)!, Inputs(columns));
                var (blocks, dense, found) = (Blocks(type, columns), new float[Rows * columns], new float[Rows]);
                fixed (byte* from = blocks)
                fixed (float* to = dense, inputs = x, y = found)
                {
                    GgufBlocks.Decode(type, from, to, Rows * columns / type.BlockSize);
                    BlockProduct.Of(type, width)(from, type.BytesOf(columns), Rows, inputs, columns, y);
                }
                Compare(dense, x, found, columns, $"{name} {width}");
            }
    }

    [Theory]
    [InlineData("Q4_0")]
    [InlineData("Q4_1")]
    [InlineData("Q8_0")]
    public unsafe void What_A_Row_Gives_Does_Not_Depend_On_Its_Neighbours(string name)
    {
        const int columns = 160;
        foreach (var width in Widths)
        {
            var (type, x) = (GgufType.Named(name)!, Inputs(columns));
            var (blocks, together, part) = (Blocks(type, columns), new float[Rows], new float[Rows]);
            var product = BlockProduct.Of(type, width);
            var rowBytes = type.BytesOf(columns);
            fixed (byte* from = blocks)
            fixed (float* inputs = x, y = together, some = part)
            {
                product(from, rowBytes, Rows, inputs, columns, y);
                for (var first = 0; first < Rows; first++)
                    for (var rows = 1; first + rows <= Rows; rows++)
                    {
                        product(from + first * rowBytes, rowBytes, rows, inputs, columns, some);
                        Assert.Equal(Bits(together.AsSpan(first, rows)), Bits(part.AsSpan(0, rows)));
                    }
            }
        }
    }

    [Fact]
    public void Weights_Beside_Each_Other_Give_The_Bits_That_Each_Gives()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        WeightStore[] stores = [.. new[] { "Q4_1", "Q6_K", "Q8_0", "Q5_0" }.Select(name => GgufType.Named(name)!).Select(type =>
            new GgufStore(tensor(Blocks(type, 256), [Rows, type.BytesOf(256)]), type)), new DenseStore(randn(Rows, 256))];
        var x = randn(3, 256);
        var together = FewRows.Try(stores, x)!;
        var each = cat([.. stores.Select(store => FewRows.Try([store], x)!)], -1);
        Assert.Equal(Bits(each.data<float>().ToArray()), Bits(together.data<float>().ToArray()));
        Array.ForEach(stores, store => store.Dispose());
    }

    [Fact]
    public void Halves_Are_Converted_As_The_Runtime_Converts_Them()
    {
        var halves = new short[8];
        var found = new float[8];
        for (var first = 0; first < 1 << 16; first += 8)
        {
            for (var i = 0; i < 8; i++) halves[i] = unchecked((short)(first + i));
            HalfNumbers.ToSingle(Vector128.Create(halves)).CopyTo(found);
            for (var i = 0; i < 8; i++)
            {
                var expected = (float)BitConverter.Int16BitsToHalf(halves[i]);
                Assert.True(BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(found[i])
                    || (float.IsNaN(expected) && float.IsNaN(found[i])), $"{halves[i]:x4}: {found[i]}, not {expected}");
            }
        }
    }

    // Each sum of n products is rounded n times at most; its terms are no larger than the row's largest part of a weight. A wrong code
    // would be a fifteenth of that and more.
    private static void Compare(float[] dense, float[] x, float[] found, int columns, string what)
    {
        for (var i = 0; i < found.Length; i++)
        {
            var (row, input) = (i % Rows, i / Rows);
            var (exact, size, largest) = (0.0, 0.0, 0.0);
            for (var column = 0; column < columns; column++)
            {
                var (weight, number) = ((double)dense[row * columns + column], (double)x[input * columns + column]);
                exact += weight * number;
                size += Math.Abs(number);
                largest = Math.Max(largest, Math.Abs(weight));
            }
            var bound = Rounding.Of(columns) * largest * size / Math.Sqrt(columns);
            Assert.True(Math.Abs(exact - found[i]) <= bound, $"{what}, {columns} columns, row {row}: {found[i]}, not {exact}");
        }
    }

    private static float[] Inputs(int columns)
    {
        var random = new Random(columns);
        return [.. Enumerable.Range(0, columns).Select(_ => (float)(random.NextDouble() - 0.5))];
    }

    // Random codes; where a type keeps half-precision numbers, some that are likely and some at the edges of what they can be.
    private static byte[] Blocks(GgufType type, int columns)
    {
        var random = new Random(type.Id * 1000 + columns);
        var blocks = new byte[Rows * type.BytesOf(columns)];
        random.NextBytes(blocks);
        int[] halves = type.Name switch
        {
            "Q4_1" or "Q5_1" or "Q4_K" or "Q5_K" => [0, 2],
            "Q2_K" => [80, 82],
            "Q3_K" => [108],
            "Q6_K" => [208],
            _ => [0],
        };
        for (var block = 0; block < blocks.Length; block += type.BlockBytes)
            foreach (var at in halves)
                BitConverter.TryWriteBytes(blocks.AsSpan(block + at), Scales[random.Next(Scales.Length)]);
        return blocks;
    }

    private static int[] Bits(ReadOnlySpan<float> numbers) => MemoryMarshal.Cast<float, int>(numbers).ToArray();
}
