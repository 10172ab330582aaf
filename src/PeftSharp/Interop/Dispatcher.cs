using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Calls operators of libtorch that TorchSharp does not wrap, through the C ABI of libtorch_cpu.</summary>
/// <remarks>
/// Arguments and results travel on a stack of 64-bit values in the order of the operator's schema. Whatever is on the
/// stack belongs to the call: a tensor goes there as a handle of its own, a list as a list of its own, and results come
/// back as handles that the caller owns. Everything is tried out once before the first use; where that fails
/// (another libtorch, another system), <see cref="Available"/> is false and callers take their managed path.
/// </remarks>
internal static unsafe class Dispatcher
{
    /// <summary>libtorch 2.10.0, the version whose conventions these are.</summary>
    private const ulong Abi = 0x020A_0000_0000_0000;

    private static readonly Lazy<Exports?> Native = new(() =>
    {
        var exports = Exports.Find();
        return exports is not null && Works(exports) ? exports : null;
    });

    /// <summary>True if the C ABI is there and gave a correct result when tried.</summary>
    public static bool Available => Native.Value is not null;

    /// <summary>An absent optional argument.</summary>
    public const ulong Absent = 0;

    /// <summary>A floating-point argument.</summary>
    public static ulong Of(double value) => BitConverter.DoubleToUInt64Bits(value);

    /// <summary>A Boolean argument.</summary>
    public static ulong Of(bool value) => value ? 1ul : 0ul;

    /// <summary>A tensor argument.</summary>
    public static ulong Of(Tensor tensor) => NewHandle(Required, tensor);

    /// <summary>An argument that is a list of tensors.</summary>
    public static ulong Of(IReadOnlyList<Tensor> tensors)
    {
        var native = Required;
        nint list;
        Check(native.NewList((nuint)tensors.Count, &list), "torch_new_list_reserve_size");
        foreach (var tensor in tensors) Check(native.PushBack(list, NewHandle(native, tensor)), "torch_list_push_back");
        return (ulong)list;
    }

    /// <summary>An argument that is a text of ASCII letters.</summary>
    public static ulong Of(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        nint copy;
        fixed (byte* first = bytes) Check(Required.NewString(first, (nuint)bytes.Length, &copy), "torch_new_string_handle");
        return (ulong)copy;
    }

    /// <summary>True if an argument that may be absent can be given.</summary>
    public static bool HasOptional => Required.New != null;

    /// <summary>
    /// A tensor for an argument that may be absent: where its handle lies, in memory that the call frees by <c>delete</c>.
    /// </summary>
    public static ulong OfOptional(Tensor tensor)
    {
        var place = (ulong*)Required.New(sizeof(ulong));
        *place = Of(tensor);
        return (ulong)place;
    }

    /// <summary>Calls an operator; its results replace the first values of <paramref name="stack"/>.</summary>
    /// <param name="name">For example <c>aten::_fused_adamw_</c>.</param>
    /// <param name="overload">Name of the overload; empty for the default one.</param>
    /// <param name="stack">The arguments, every one of the schema; used up by the call.</param>
    /// <exception cref="PeftException">libtorch refused the call (it has written why to standard error).</exception>
    public static void Call(string name, string overload, Span<ulong> stack) => Call(Required, name, overload, stack);

    /// <summary>A tensor that a call left on the stack; the caller owns it.</summary>
    public static Tensor Take(ulong result) => Tensor.UnsafeCreateTensor((nint)result);

    /// <summary>
    /// Runs <paramref name="body"/> on libtorch's own threads over parts of [0, <paramref name="count"/>) that hold at least
    /// <paramref name="grain"/> items. The body must not throw. False, with nothing run, where the C ABI is missing.
    /// </summary>
    /// <remarks>Using libtorch's threads keeps a second pool from competing with them for the cores.</remarks>
    public static bool TryParallelFor(long count, long grain, delegate* unmanaged<long, long, void*, void> body, void* context)
    {
        if (Native.Value is not { } native) return false;
        Check(native.ParallelFor(0, count, grain, body, context), "torch_parallel_for");
        return true;
    }

    /// <summary>The address of a tensor's first element; false where the C ABI is missing.</summary>
    public static bool TryPointer(Tensor tensor, out byte* address)
    {
        address = null;
        if (Native.Value is not { } native) return false;
        void* data;
        Check(native.DataPointer(tensor.Handle, &data), "aoti_torch_get_data_ptr");
        address = (byte*)data;
        return true;
    }

    private static Exports Required =>
        Native.Value
            ?? throw new PeftException(
                "This libtorch offers no dispatcher that PeftSharp can call; use the package libtorch-cpu of version 2.10.0.");

    private static ulong NewHandle(Exports native, Tensor tensor)
    {
        nint copy;
        Check(native.NewHandle(tensor.Handle, &copy), "aoti_torch_new_tensor_handle");
        return (ulong)copy;
    }

    private static void Call(Exports native, string name, string overload, Span<ulong> stack)
    {
        var nameBytes = Encoding.UTF8.GetBytes(name + '\0');
        var overloadBytes = Encoding.UTF8.GetBytes(overload + '\0');
        fixed (byte* n = nameBytes, o = overloadBytes)
        fixed (ulong* s = stack)
            Check(native.Call(n, o, s, Abi), name);
    }

    private static void Check(int code, string what)
    {
        if (code != 0) throw new PeftException($"libtorch refused {what} (code {code}); its reason is on standard error.");
    }

    private static bool Works(Exports native)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        try
        {
            if (native.AbiVersion() != Abi) return false;
            var a = tensor([1.5f, -2f, 3f]);
            Span<ulong> stack = [NewHandle(native, a), NewHandle(native, a)];
            Call(native, "aten::mul", "Tensor", stack);
            return Take(stack[0]).data<float>().ToArray() is [2.25f, 4f, 9f];
        }
        catch (PeftException)
        {
            return false;
        }
    }

    private sealed class Exports
    {
        public required delegate* unmanaged<byte*, byte*, ulong*, ulong, int> Call { get; init; }
        public required delegate* unmanaged<nint, nint*, int> NewHandle { get; init; }
        public required delegate* unmanaged<nuint, nint*, int> NewList { get; init; }
        public required delegate* unmanaged<nint, ulong, int> PushBack { get; init; }
        public required delegate* unmanaged<byte*, nuint, nint*, int> NewString { get; init; }
        public required delegate* unmanaged<nuint, void*> New { get; init; }
        public required delegate* unmanaged<ulong> AbiVersion { get; init; }
        public required delegate* unmanaged<nint, void**, int> DataPointer { get; init; }
        public required delegate* unmanaged<long, long,
            long, delegate* unmanaged<long, long, void*, void>, void*, int> ParallelFor
        { get; init; }

        public static Exports? Find()
        {
            LibTorch.EnsureLoaded();
            if (!NativeLibrary.TryLoad("torch_cpu", typeof(Tensor).Assembly, null, out var library)
                && !NativeLibrary.TryLoad("libtorch_cpu.so", out library)) return null;
            string[] names =
            [
                "torch_call_dispatcher", "aoti_torch_new_tensor_handle", "torch_new_list_reserve_size", "torch_list_push_back",
                "aoti_torch_abi_version", "torch_parallel_for", "aoti_torch_get_data_ptr",
                "torch_new_string_handle",
            ];
            var found = names.Select(name => NativeLibrary.TryGetExport(library, name, out var address) ? address : 0).ToArray();
            return found.Contains(0) ? null : new Exports
            {
                Call = (delegate* unmanaged<byte*, byte*, ulong*, ulong, int>)found[0],
                NewHandle = (delegate* unmanaged<nint, nint*, int>)found[1],
                NewList = (delegate* unmanaged<nuint, nint*, int>)found[2],
                PushBack = (delegate* unmanaged<nint, ulong, int>)found[3],
                AbiVersion = (delegate* unmanaged<ulong>)found[4],
                ParallelFor = (delegate* unmanaged<long, long, long, delegate* unmanaged<long, long, void*, void>, void*, int>)found[5],
                DataPointer = (delegate* unmanaged<nint, void**, int>)found[6],
                NewString = (delegate* unmanaged<byte*, nuint, nint*, int>)found[7],
                // Of the C++ library: a name that libraries of GCC and Clang have.
                New = NativeLibrary.TryGetExport(library, "_Znwm", out var allocate) ? (delegate* unmanaged<nuint, void*>)allocate : null,
            };
        }
    }
}
