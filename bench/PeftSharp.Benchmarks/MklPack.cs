using System.Runtime.InteropServices;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>MKL's own packed operands, through the C interface that libtorch's library exports on Linux.</summary>
internal static unsafe class MklPack
{
    private const int RowMajor = 101, Plain = 111, Turned = 112, Packed = 151, Second = 162;

    private static readonly nint Library =
        NativeLibrary.TryLoad("torch_cpu", typeof(Tensor).Assembly, null, out var library)
        || NativeLibrary.TryLoad("libtorch_cpu.so", out library) ? library : 0;

    public static bool Available => Library != 0 && new[] { "cblas_sgemm_pack_get_size", "cblas_sgemm_pack", "cblas_sgemm_compute" }
        .All(name => NativeLibrary.TryGetExport(Library, name, out _));

    /// <summary>A weight, [out, in], packed to be multiplied with that many rows; the caller frees it.</summary>
    public static nint Of(Tensor weight, int rows)
    {
        var (outputs, width) = ((int)weight.shape[0], (int)weight.shape[1]);
        var bytes = ((delegate* unmanaged<int, int, int, int, nuint>)Export("cblas_sgemm_pack_get_size"))(Second, rows, outputs, width);
        var packed = NativeMemory.AlignedAlloc(bytes, 64);
        ((delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, void>)Export("cblas_sgemm_pack"))(
            RowMajor, Second, Turned, rows, outputs, width, 1, (float*)TensorPointer.Of(weight), width, (float*)packed);
        return (nint)packed;
    }

    /// <summary>x·Wᵀ into <paramref name="y"/>.</summary>
    public static void Multiply(Tensor x, nint packed, Tensor y)
    {
        var (rows, width, outputs) = ((int)x.shape[0], (int)x.shape[1], (int)y.shape[1]);
        var compute = (delegate* unmanaged<int, int, int, int, int, int, float*, int, float*, int, float, float*, int, void>)
            Export("cblas_sgemm_compute");
        compute(
            RowMajor, Plain, Packed, rows, outputs, width, (float*)TensorPointer.Of(x), width, (float*)packed, outputs, 0,
            (float*)TensorPointer.Of(y), outputs);
    }

    public static void Free(nint packed) => NativeMemory.AlignedFree((void*)packed);

    private static nint Export(string name) => NativeLibrary.GetExport(Library, name);
}
