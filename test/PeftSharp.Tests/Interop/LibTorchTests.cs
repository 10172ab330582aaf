using PeftSharp.Interop;
using TorchSharp;

namespace PeftSharp.Tests.Interop;

public sealed class LibTorchTests
{
    [Fact]
    public void Loads_And_Computes()
    {
        LibTorch.EnsureLoaded();
        using var a = torch.ones(2, 3);
        Assert.Equal(6f, a.sum().item<float>());
    }

    [Fact]
    public void File_That_Is_No_Elf_Library_Is_Refused_With_A_Sentence()
    {
        var e = Assert.Throws<PeftException>(() => WeakSymbolVersion.MarkWeak(new byte[64], "GLIBCXX_3.4.32", "libx.so"));
        Assert.Contains("libx.so", e.Message);
    }
}
