using PeftSharp.Runs.Estimates;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Runs.Estimates;

public sealed class MachineMemoryTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Free_Memory_Counts_Where_No_Group_Limits_It()
    {
        Write("proc/self/cgroup", "0::/a\n");
        Write("groups/a/memory.max", "max\n");
        Assert.Equal(new(1000 * 1024 + 50, null), Read());
    }

    [Theory]
    [InlineData("groups/a/b")]
    [InlineData("groups/a")] // a group above limits as well
    [InlineData("groups")] // a container shows its own group as the root
    public void A_Limit_Of_Version_2_Is_Found(string group)
    {
        Write("proc/self/cgroup", "0::/a/b\n");
        Write($"{group}/memory.max", "600000\n");
        Write($"{group}/memory.current", "500000\n");
        Write($"{group}/memory.stat", "anon 1\ninactive_file 100000\n");
        Assert.Equal(new(600000 - 400000 + 50, 600000), Read());
    }

    [Fact]
    public void A_Limit_Of_Version_1_Is_Found()
    {
        Write("proc/self/cgroup", "5:cpu:/a\n4:memory:/a\n0::/\n");
        Write("groups/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        Write("groups/memory/memory.limit_in_bytes", "600000\n");
        Write("groups/memory/memory.usage_in_bytes", "100000\n");
        Assert.Equal(new(500050, 600000), Read());
    }

    // The kernel's number for "no limit" plus what this process holds is more than a long can say.
    [Fact]
    public void No_Limit_Of_A_Group_That_Holds_Less_Than_The_Process_Is_No_Limit()
    {
        Write("proc/meminfo", "MemTotal: 4000 kB\nMemAvailable:   1000 kB\n");
        Write("proc/self/cgroup", "4:memory:/a\n");
        Write("groups/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        Write("groups/memory/a/memory.usage_in_bytes", "100\n");
        Assert.Equal(new((1000 << 10) + 8192, null), MachineMemory.Read(_folder.File("proc"), _folder.File("groups"), 8192));
    }

    [Fact]
    public void Without_Any_Of_These_Files_There_Is_No_Limit() =>
        Assert.Equal(new(long.MaxValue, null), MachineMemory.Read(_folder.File("no"), _folder.File("none"), 50));

    [Fact]
    public void This_Machine_Has_Some_Memory() => Assert.InRange(MachineMemory.Read().Bytes, 1 << 20, long.MaxValue);

    private MachineMemory Read()
    {
        Write("proc/meminfo", "MemTotal: 4000 kB\nMemAvailable:   1000 kB\n");
        return MachineMemory.Read(_folder.File("proc"), _folder.File("groups"), 50);
    }

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(name))!);
        File.WriteAllText(_folder.File(name), text);
    }
}
