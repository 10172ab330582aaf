using PeftSharp.Files;

namespace PeftSharp.Tests.Files;

/// <summary>A digest is remembered for a file, never for its name.</summary>
public sealed class FileDigestTests : IDisposable
{
    private readonly TempFolder _temp = new();

    private string Cache => _temp.File("cache");

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void A_file_that_is_old_enough_is_remembered_and_any_change_of_it_is_seen()
    {
        var file = _temp.Write("a", [1, 2, 3]);
        var first = FileDigest.Of(file, Cache);
        Assert.Equal("039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81", first);
        // Too young: nothing is remembered.
        Assert.False(Directory.Exists(Cache));
        Thread.Sleep(2100);
        Assert.Equal(first, FileDigest.Of(file, Cache));
        if (!OperatingSystem.IsWindows()) Assert.Single(Directory.GetFiles(Cache));
        // Of the same size, with its time set back: the system's own time of change tells.
        var time = File.GetLastWriteTimeUtc(file);
        File.WriteAllBytes(file, [1, 2, 4]);
        File.SetLastWriteTimeUtc(file, time);
        Assert.NotEqual(first, FileDigest.Of(file, Cache));
        // Another file under the same name.
        var other = _temp.Write("b", [1, 2, 5]);
        File.SetLastWriteTimeUtc(other, time);
        File.Move(other, file, overwrite: true);
        Assert.Equal(FileDigest.Of(file, null), FileDigest.Of(file, Cache));
    }

    [Fact]
    public void What_is_remembered_is_used_and_what_cannot_be_a_digest_is_not()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Files have no number there.");
        var file = _temp.Write("a", [1, 2, 3]);
        Thread.Sleep(2100);
        var digest = FileDigest.Of(file, Cache);
        var entry = Directory.GetFiles(Cache).Single();
        File.WriteAllText(entry, new string('0', 64));
        Assert.Equal(new string('0', 64), FileDigest.Of(file, Cache));
        foreach (var bad in (string[])["", "x", new string('Z', 64), new string('0', 65)])
        {
            File.WriteAllText(entry, bad);
            Assert.Equal(digest, FileDigest.Of(file, Cache));
        }
        File.Delete(entry);
        File.CreateSymbolicLink(entry, _temp.Write("planted", [.. new string('1', 64).Select(c => (byte)c)]));
        Assert.Equal(digest, FileDigest.Of(file, Cache));
    }
}
