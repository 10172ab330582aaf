using PeftSharp.Interop;

namespace PeftSharp.Runs.Training;

/// <summary>What the setting "compute" means on this processor.</summary>
public static class ComputeModes
{
    internal static readonly string[] Modes = ["auto", "fp32", "bf16"];

    /// <summary>One of auto, fp32 and bf16 from a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="where">Where it stands, for the sentence.</param>
    /// <exception cref="SettingsException">It is none of them.</exception>
    public static string Parse(string text, string where) => Modes.Contains(text.ToLowerInvariant())
        ? text.ToLowerInvariant()
        : throw new SettingsException($"{where} is \"{text}\"; expected {string.Join(", ", Modes)}.");

    /// <summary>The precision on a device: <c>auto</c> measures the processor, and takes bfloat16 on a GPU.</summary>
    public static ComputeUse Choose(string request, string device = "cpu")
    {
        if (ComputeDevice.Parse(device) is { type: not TorchSharp.DeviceType.CPU } gpu)
            return new(
                request == "fp32" ? ComputeType.Float32 : ComputeType.BFloat16,
                request == "auto" ? "the usual choice on a GPU." : "as set.", gpu.ToString());
        var choice = ComputeProbe.Choose(request);
        return new(choice.Type, choice.Reason, choice.Processor);
    }
}
