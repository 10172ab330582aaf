using System.Runtime.CompilerServices;
using PeftSharp.Interop;

namespace PeftSharp.Tests.Weights;

/// <summary>Fields of these tests use TorchSharp before anything of the library runs.</summary>
internal static class LoadFirst
{
    [ModuleInitializer]
    internal static void Load() => LibTorch.EnsureLoaded();
}
