using PeftSharp.Interop;

namespace PeftSharp.Tests.Interop;

public sealed class ComputeProbeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("peftsharp-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Auto_Measures_Once_Then_Reads_The_Cache()
    {
        var path = Path.Combine(_folder, "deeper", "compute.json");
        var measured = ComputeProbe.Choose("auto", path);
        Assert.True(measured is { Fp32Gflops: > 0, Bf16Gflops: > 0 });
        Assert.Equal(measured, ComputeProbe.Choose("AUTO", path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[1]")]
    public void Damaged_Cache_Is_Measured_Again(string content)
    {
        var path = Path.Combine(_folder, "compute.json");
        File.WriteAllText(path, content);
        Assert.Null(ComputeCache.Read(path, "x"));
        ComputeCache.Write(path, "x", new(100, 300));
        Assert.Equal(new ComputeSpeed(100, 300), ComputeCache.Read(path, "x"));
    }

    [Theory]
    [InlineData(200, 100, ComputeType.Float32)]
    [InlineData(200, 259, ComputeType.Float32)]
    [InlineData(200, 261, ComputeType.BFloat16)]
    public void Bf16_Must_Be_Clearly_Faster(double fp32, double bf16, ComputeType expected) =>
        Assert.Equal(expected, ComputeProbe.Decide(new(fp32, bf16), "p").Type);

    [Theory]
    [InlineData(100, 0, false, 133)]
    [InlineData(100, 102, false, 133)]
    [InlineData(100, 104, true, 133)]
    public void OneDnn_Must_Be_Faster_And_Then_Counts_As_Fp32(double mkl, double oneDnn, bool taken, double bf16)
    {
        Assert.Equal(taken, ComputeProbe.OneDnnIsFaster(new(mkl, bf16, oneDnn)));
        var chosen = ComputeProbe.Decide(new(mkl, bf16, oneDnn), "p");
        Assert.Equal(taken ? ComputeType.Float32 : ComputeType.BFloat16, chosen.Type);
        Assert.Equal(taken ? oneDnn : mkl, chosen.Fp32Gflops);
    }

    [Fact]
    public void Explicit_Choice_Is_Obeyed_And_Another_Word_Refused()
    {
        Assert.Equal(ComputeType.BFloat16, ComputeProbe.Choose("bf16", null).Type);
        Assert.Equal(ComputeType.Float32, ComputeProbe.Choose("fp32", null).Type);
        Assert.Contains("fp16", Assert.Throws<PeftException>(() => ComputeProbe.Choose("fp16", null)).Message);
    }
}
