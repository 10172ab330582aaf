using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Life;

/// <summary>Counts of live tensors that what earlier tests left to the garbage collector does not change.</summary>
internal static class LiveTensors
{
    private const int Tries = 5;

    /// <summary>
    /// Lets finalizers run until they free no tensor any more: one that goes may have held an autograd node, which held other tensors.
    /// </summary>
    public static void Settle()
    {
        for (var (steady, round) = (0, 0); steady < 2 && round < 20; round++)
        {
            var count = Tensor.TotalCount;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            steady = Tensor.TotalCount == count ? steady + 1 : 0;
        }
    }

    /// <summary>
    /// Makes a measurement, told how to count the tensors made since it began. One that fails is made again after finalizers have run: they
    /// may have freed tensors that are not its own, those of a collection before it too. What is left behind is left behind every time.
    /// </summary>
    public static void Measure(Action<Func<long>> measurement)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (attempt == 1) GC.WaitForPendingFinalizers();
            else Settle();
            var before = Tensor.TotalCount;
            try
            {
                measurement(() => Tensor.TotalCount - before);
                return;
            }
            catch (Xunit.Sdk.XunitException) when (attempt < Tries)
            {
            }
        }
    }

    /// <summary>
    /// Makes a measurement after finalizers have run, and again if a collection fell into it: what that frees would be counted. The last
    /// one stands.
    /// </summary>
    public static void MeasureQuietly(Action measurement)
    {
        for (var (attempt, collections) = (0, -1); attempt < Tries && GC.CollectionCount(0) != collections; attempt++)
        {
            Settle();
            collections = GC.CollectionCount(0);
            measurement();
        }
    }

    /// <summary>Fails if an action leaves more or fewer tensors than there were.</summary>
    public static void AssertNoneLeft(Action action) => Measure(since =>
    {
        action();
        Assert.Equal(0, since());
    });

    /// <summary>Runs on a thread of its own: no dispose scope of the test's is open there.</summary>
    public static void OutsideScopes(Action body)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null) throw new Xunit.Sdk.XunitException(failure.ToString());
    }
}
