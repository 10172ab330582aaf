using Microsoft.Win32.SafeHandles;
using PeftSharp.Files;

namespace PeftSharp.Runs.Proof;

/// <summary>A tensor as it lies in a file, under the name that a fingerprint knows it by.</summary>
internal sealed record StoredTensor(string Name, string File, TensorInfo Info)
{
    /// <summary>Element type and shape, for messages: <c>F32 [384, 384]</c>.</summary>
    public string Form => TensorPrint.FormOf(TypeName, Info.Shape);

    public string TypeName => Info.Blocks ?? SafetensorsType.Of(Info.ScalarType).Name;
}
