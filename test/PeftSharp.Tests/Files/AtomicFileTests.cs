using PeftSharp.Files;

namespace PeftSharp.Tests.Files;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Text_Replaces_Text_And_Missing_Folders_Are_Created()
    {
        var path = _folder.File(Path.Combine("new", "x.json"));
        AtomicFile.WriteText(path, "long old text");
        AtomicFile.WriteText(path, "é");
        Assert.Equal([0xC3, 0xA9], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void A_Failure_Leaves_The_Old_File_And_Nothing_Else()
    {
        var path = _folder.Write("x", [1]);
        Assert.Throws<InvalidTimeZoneException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write([2, 2]);
            throw new InvalidTimeZoneException();
        }));
        Assert.Throws<PeftException>(() => AtomicFile.Write(path, _ => throw new IOException("disk full")));
        Assert.Equal([1], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void A_Folder_As_Target_And_A_File_As_Folder_Are_Refused()
    {
        Assert.Contains("it is a folder", Assert.Throws<PeftException>(() => AtomicFile.WriteText(_folder.Root, "x")).Message);
        var file = _folder.Write("f", [1]);
        Assert.Throws<PeftException>(() => AtomicFile.WriteText(Path.Combine(file, "x"), "x"));
    }
}
