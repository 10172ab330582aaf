using PeftSharp.Interop;
using PeftSharp.Tests.Matrix;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop;

/// <summary>What stands in on other devices for our CPU kernels, run here on the CPU.</summary>
public sealed class ComputeDeviceTests
{
    [Theory]
    [InlineData("tpu", "\"tpu\" is not known; expected cpu, cuda, cuda:N or mps.")]
    [InlineData("cpu:1", "\"cpu:1\" is not known")]
    [InlineData("cuda:-1", "\"cuda:-1\" is not known")]
    [InlineData("cuda:x", "\"cuda:x\" is not known")]
    public void Another_Name_Is_Refused(string name, string expected) =>
        Assert.Contains(expected, Assert.Throws<PeftException>(() => ComputeDevice.Parse(name)).Message);

    [Fact]
    public void A_Device_That_Is_Missing_Is_Refused()
    {
        Assert.SkipWhen(torch.cuda.is_available(), "This machine has CUDA.");
        Assert.Contains("finds no CUDA", Assert.Throws<PeftException>(() => ComputeDevice.Parse("cuda:0")).Message);
    }

    [Theory]
    [InlineData(64, 1000)]
    [InlineData(128, 4096)]
    [InlineData(64, 37)]
    public void Nf4_Decodes_With_Libtorchs_Operators_To_The_Same_Bits(int block, int count)
    {
        using var scope = NewDisposeScope();
        var (codes, absmax) = FourBitCodec.Encode(randn(count), block);
        var expected = FourBitCodec.Decode(codes, absmax, count, block);
        Assert.True(Bits.Same(expected, FourBitCodec.DecodeElsewhere(codes, absmax, count, block, FourBitCode.Nf4)));
        codes.Dispose();
        absmax.Dispose();
    }

    [Fact]
    public void Dropout_By_A_Devices_Generator_Depends_On_The_Seed_Alone()
    {
        using var scope = NewDisposeScope();
        var x = ones([200, 300], requires_grad: true);
        var once = DropoutMask.Elsewhere(x, 0.3, 5);
        rand(10);
        Assert.True(Bits.Same(once, DropoutMask.Elsewhere(x, 0.3, 5)));
        Assert.False(Bits.Same(once, DropoutMask.Elsewhere(x, 0.3, 6)));
        Assert.InRange(once.eq(0).@double().mean().item<double>(), 0.29, 0.31);
        Assert.Equal((float)(1 / 0.7), once.max().item<float>(), 1e-6f);
        once.sum().Backpropagate();
        Assert.True(Bits.Same(once, x.grad!));
    }
}
