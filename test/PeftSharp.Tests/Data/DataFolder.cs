using System.Text;
using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

/// <summary>A folder of dataset files for one test.</summary>
internal sealed class DataFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("peftsharp-data-").FullName;

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public TextDataset Load(string name, string text, DataOptions? options = null) => TextDataset.Load(Write(name, text), options);

    public string Refused(string name, string text, DataOptions? options = null) => Refused(name, Encoding.UTF8.GetBytes(text), options);

    public string Refused(string name, byte[] bytes, DataOptions? options = null)
    {
        var path = Write(name, bytes);
        var message = Assert.Throws<PeftException>(() => TextDataset.Load(path, options)).Message;
        Assert.Contains(path, message);
        Assert.EndsWith(".", message);
        return message;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
