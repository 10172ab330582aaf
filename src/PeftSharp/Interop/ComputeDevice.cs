using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Devices by the names that users type.</summary>
/// <remarks>
/// The packages here bring libtorch for the CPU. CUDA needs libtorch's CUDA package in its place (docs/devices.md); tensors follow the
/// model's device and the kernels of our own have a fallback in libtorch's operators, but no GPU has run it yet.
/// </remarks>
public static class ComputeDevice
{
    /// <summary>What a name may be.</summary>
    public const string Names = "cpu, cuda, cuda:N or mps";

    /// <summary>The device of that name.</summary>
    /// <exception cref="PeftException">The name is unknown, or this libtorch or this machine has no such device.</exception>
    public static Device Parse(string name)
    {
        LibTorch.EnsureLoaded();
        var parts = name.Trim().ToLowerInvariant().Split(':');
        var index = 0;
        if (parts.Length > 2 || (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index)))
            throw Unknown(name);
        switch (parts[0])
        {
            case "cpu" when parts.Length == 1: return CPU;
            case "mps" when parts.Length == 1:
                return mps_is_available()
                ? MPS
                : throw new PeftException("The device mps needs a Mac with Apple silicon and macOS's libtorch; use --device cpu.");
            case "cuda":
                if (!cuda.is_available())
                    throw new PeftException(
                        $"The device {name} was asked for, but this libtorch finds no CUDA: its CPU package is installed, or no NVIDIA "
                        + "driver is; use --device cpu, or install the CUDA package (docs/devices.md).");
                return index < cuda.device_count() ? new Device(DeviceType.CUDA, index)
                    : throw new PeftException(
                        $"The device {name} does not exist: this machine has {cuda.device_count()}, counted from cuda:0.");
            default: throw Unknown(name);
        }
    }

    /// <summary>True if a tensor is there already.</summary>
    internal static bool IsOn(this Tensor tensor, Device device) =>
        tensor.device is var at && at.type == device.type && at.index == device.index;

    private static PeftException Unknown(string name) => new($"The device \"{name}\" is not known; expected {Names}.");
}
