namespace PeftSharp.Tests.Files;

/// <summary>A folder that lasts as long as a test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Root { get; } = TestPaths.Temporary("peftsharp-");

    public string File(string name) => Path.Combine(Root, name);

    public string Write(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
