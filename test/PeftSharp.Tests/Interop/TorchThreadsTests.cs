using PeftSharp.Interop;

namespace PeftSharp.Tests.Interop;

public sealed class TorchThreadsTests
{
    [Fact]
    public void Count_Is_Set_And_Zero_Refused()
    {
        var chosen = TorchThreads.Configure();
        Assert.InRange(chosen, 1, Environment.ProcessorCount);
        Assert.Equal(chosen, TorchSharp.torch.get_num_threads());
        Assert.Throws<PeftException>(() => TorchThreads.Configure(0));
    }
}
