
namespace PeftSharp.Interop;

/// <summary>What lies at a path.</summary>
internal enum FileKind
{
    File,
    Folder,
    Link,
    /// <summary>A pipe, a device, a socket.</summary>
    Other,
}
