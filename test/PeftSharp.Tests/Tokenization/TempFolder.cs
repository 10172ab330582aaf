using System.Text;

namespace PeftSharp.Tests.Tokenization;

/// <summary>A folder that lives as long as a test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("peftsharp").FullName;

    public TempFolder Write(string name, string text)
    {
        File.WriteAllText(System.IO.Path.Combine(Path, name), text, new UTF8Encoding(false));
        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
