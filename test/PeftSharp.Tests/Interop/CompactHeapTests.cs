using PeftSharp.Interop;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Interop;

public sealed class CompactHeapTests
{
    [Theory]
    [InlineData("2.36", null, "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0")]
    [InlineData("2.36", "", "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0")]
    [InlineData("2.31", "glibc.malloc.check=1", "glibc.malloc.check=1:glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0")]
    [InlineData("2.36", "glibc.malloc.mxfast=64", "glibc.malloc.mxfast=64:glibc.malloc.tcache_count=0")]
    [InlineData("2.36", "glibc.malloc.tcache_count=7", null)] // a user's own value, and the second start
    [InlineData("2.39", null, null)]
    [InlineData("2.41", "glibc.malloc.check=1", null)]
    [InlineData(null, null, null)]
    public void What_Is_Asked_For(string? library, string? now, string? expected) =>
        Assert.Equal(expected, CompactHeap.Asked(library is null ? null : Version.Parse(library), now));

    // Whatever the C library: the same answer as from a start that has the settings.
    [Fact]
    public void The_Program_Gets_Its_Arguments_As_They_Were_Given()
    {
        string[] arguments = ["train", "--base", "no such  \"folder\" 한글 ", "--data", "", "--out", "o u t"];
        var set = new Dictionary<string, string?> { ["GLIBC_TUNABLES"] = "glibc.malloc.tcache_count=7" };
        var unset = new Dictionary<string, string?> { ["GLIBC_TUNABLES"] = null };
        var (expected, found) = (Peft.RunIn(set, arguments), Peft.RunIn(unset, arguments));
        Assert.Equal(expected, found);
        Assert.NotEqual(0, found.ExitCode);
    }
}
