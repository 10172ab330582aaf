using Microsoft.Win32.SafeHandles;

namespace PeftSharp.Data.Storage;

/// <summary>What a scratch file is for.</summary>
/// <param name="What">Its content, as a failure calls it: what cannot be kept.</param>
/// <param name="Remedy">What helps besides free space and another folder.</param>
/// <param name="Reserve">Bytes that the disk is to set aside at once; 0 for none.</param>
internal sealed record ScratchUse(string What, string Remedy, long Reserve = 0)
{
    public static ScratchUse Rows { get; } = new("The rows do not fit the memory set aside for them, and", "allow more memory");
}
