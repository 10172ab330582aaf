using PeftSharp.Files;
using PeftSharp.Models;

namespace PeftSharp.Tests.Files;

/// <summary>Files of a cache are links: their content is what counts, for reading and for every bound.</summary>
public sealed class FileSizeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_link_has_the_size_of_what_it_leads_to()
    {
        var path = _folder.Write("content", new byte[12345]);
        Assert.Equal(12345, FileSize.Of(path));
        Assert.Equal(12345, FileSize.Of(Link("link", "content")));
        Assert.Equal(12345, FileSize.Of(Link("second", "link")));
        Assert.Equal(0, FileSize.Of(Link("broken", "nothing")));
        Assert.Throws<FileNotFoundException>(() => FileSize.Of(_folder.File("absent")));
    }

    [Fact]
    public void Tensors_behind_a_link_are_read()
    {
        _folder.Write("blob", RawSafetensors.Of("{" + RawSafetensors.Tensor("a", "F32", "2", 0, 8) + "}", 8));
        using var file = SafetensorsFile.Open(Link("model.safetensors", "blob"));
        using var tensor = file.Read("a");
        Assert.Equal([2L], tensor.shape);
    }

    [Fact]
    public void A_bound_is_not_escaped_through_a_link()
    {
        using (var huge = new FileStream(_folder.File("huge"), FileMode.CreateNew)) huge.SetLength(17 << 20);
        Link("config.json", "huge");
        Assert.Contains("more than 16,777,216 bytes", Assert.Throws<PeftException>(() => ModelConfig.Read(_folder.Root)).Message);
    }

    private string Link(string name, string to)
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Making links takes a right that tests may lack.");
        File.CreateSymbolicLink(_folder.File(name), to);
        return _folder.File(name);
    }
}
