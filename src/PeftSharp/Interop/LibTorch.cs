using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PeftSharp.Interop;

/// <summary>Loads libtorch before TorchSharp first asks for it, curing the loader problem of older Linux systems.</summary>
/// <remarks>
/// TorchSharp 0.107's native shim asks for a libstdc++ symbol version (GCC 13) that Debian 12 lacks, for one symbol that it
/// never uses. Where that is so, a copy of the shim whose version entry is marked weak is loaded from a per-user cache;
/// TorchSharp then finds the loaded library by its name. Nothing is done on systems that load the shim as it is.
/// </remarks>
public static partial class LibTorch
{
    private const string Shim = "LibTorchSharp";
    private static readonly Lock Gate = new();
    private static bool _loaded;

    /// <summary>Arms the loader: the work happens when TorchSharp is first used, not before.</summary>
#pragma warning disable CA2255 // a user of the library must not need a start-up step
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Arm()
    {
        if (!OperatingSystem.IsLinux()) return;
        AppDomain.CurrentDomain.AssemblyLoad += (_, e) =>
        {
            if (e.LoadedAssembly.GetName().Name == "TorchSharp") TryLoadQuietly();
        };
        if (AppDomain.CurrentDomain.GetAssemblies().Any(a => a.GetName().Name == "TorchSharp")) TryLoadQuietly();
    }

    /// <summary>Loads libtorch now. Every entry point of the library calls it; calling it again costs nothing.</summary>
    /// <exception cref="PeftException">libtorch or something that it needs is missing; the message says what to install.</exception>
    public static void EnsureLoaded()
    {
        if (_loaded) return;
        lock (Gate)
        {
            if (_loaded) return;
            if (OperatingSystem.IsLinux()) LoadOnLinux();
            Start();
            _loaded = true;
        }
    }

    // An event handler must not throw: EnsureLoaded tries again and reports.
    private static void TryLoadQuietly()
    {
        try
        {
            lock (Gate) LoadOnLinux();
        }
        catch (PeftException) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Start()
    {
        try
        {
            TorchSharp.torch.InitializeDeviceType(TorchSharp.DeviceType.CPU);
        }
        catch (Exception e) when (e is NotSupportedException or DllNotFoundException or TypeInitializationException)
        {
            throw new PeftException(
                $"libtorch could not be loaded: {FirstLine(e)}; add the package libtorch-cpu-{Rid} (version 2.10.0) to the program that "
                + "uses PeftSharp.",
                e);
        }
    }

    private static void LoadOnLinux()
    {
        // OpenMP's threads wait for work by spinning: a fifth faster on an idle machine, but two programs that do so on the same
        // cores slow each other down tenfold. libgomp reads its settings when it is loaded; a user's own setting stays.
        NativeHeap.ShareOneArena();
        if (IsBusy()) _ = SetEnvironment("GOMP_SPINCOUNT", "0", 0);
        if (NativeLibrary.TryLoad($"lib{Shim}.so", out _)) return;
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new PeftException(
                $"This machine is {RuntimeInformation.ProcessArchitecture}; on Linux, TorchSharp's libtorch exists for x64 only.");

        var shim = Find($"lib{Shim}.so")
            ?? throw new PeftException(
                $"lib{Shim}.so was not found beside the program ({AppContext.BaseDirectory}); add the package TorchSharp (version "
                + "0.107.0) to it.");
        var torch = Find("libtorch.so")
            ?? throw new PeftException(
                $"libtorch.so was not found beside the program ({AppContext.BaseDirectory}); add the package libtorch-cpu-linux-x64 "
                + "(version 2.10.0) to it.");
        LoadOrExplain(torch);
        try
        {
            NativeLibrary.Load(shim);
        }
        catch (DllNotFoundException e) when (WeakSymbolVersion.MissingIn(e.Message) is { } version)
        {
            LoadOrExplain(WeakSymbolVersion.CachedCopy(shim, version));
        }
        catch (DllNotFoundException e)
        {
            throw Unloadable(shim, e);
        }
    }

    private static void LoadOrExplain(string path)
    {
        try
        {
            NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw Unloadable(path, e);
        }
    }

    private static PeftException Unloadable(string path, Exception e)
    {
        var advice = e.Message.Contains("libgomp", StringComparison.Ordinal) || e.Message.Contains("libstdc++", StringComparison.Ordinal)
            ? "install the system packages libgomp1 and libstdc++6"
            : "reinstall the package libtorch-cpu-linux-x64 (version 2.10.0)";
        return new PeftException($"{path} could not be loaded ({FirstLine(e)}); {advice}.", e);
    }

    // Packages lay native files flat (published for one system) or under runtimes/<rid>/native.
    private static string? Find(string file)
    {
        string[] folders =
        [
            AppContext.BaseDirectory,
            Path.Combine(AppContext.BaseDirectory, "runtimes", Rid, "native"),
            .. ((AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string) ?? "").Split(
                Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
        ];
        return folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }

    // The load of the last minute, and what runs at this moment: a build that has just ended leaves the first behind.
    private static bool IsBusy()
    {
        const int samples = 5;
        for (var i = 0; i < samples; i++)
        {
            if (i > 0) Thread.Sleep(2);
            if (MachineLoad.Now is not { } load) return true;
            if (!load.IsHigh || load.Running - 1 < Math.Max(1, Environment.ProcessorCount / 2)) return false;
        }
        return true;
    }

    // Environment.SetEnvironmentVariable does not reach native code on Linux.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    private static string Rid =>
        OperatingSystem.IsWindows() ? "win-x64" : OperatingSystem.IsMacOS() ? "osx-arm64" : "linux-x64";

    private static string FirstLine(Exception e) => e.Message.Split('\n')[0].Trim().TrimEnd('.');
}
