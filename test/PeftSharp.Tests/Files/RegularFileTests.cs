using System.Diagnostics;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Models;
using PeftSharp.Tests.Files;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Files;

/// <summary>Pipes, devices, folders and circles of links in place of files are refused at once.</summary>
public sealed class RegularFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Kinds => ["pipe", "device", "link to device", "circle", "folder", "empty", "missing"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_Is_No_File_Is_Refused_Before_It_Is_Opened(string kind)
    {
        var path = Put(kind, "x.json");
        Assert.Contains(path, Assert.Throws<PeftException>(() => RegularFile.Bytes(path, 100)).Message);
        Assert.Throws<PeftException>(() => RegularFile.Open(path));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void No_Reader_Of_A_Folder_Hangs(string kind)
    {
        foreach (var name in (string[])["config.json", "tokenizer.json", "adapter_config.json", "vocab.txt", "model.safetensors",
            "model.safetensors.index.json", "peft_proof.json"])
            Put(kind, name);
        Assert.Throws<PeftException>(() => ModelConfig.Read(_folder.Root));
        Assert.Throws<PeftException>(() => Tokenizer.Load(_folder.Root));
        Assert.Throws<PeftException>(() => AdapterFolder.Open(_folder.Root));
        Assert.Throws<PeftException>(() => PeftSharp.Files.Checkpoint.Open(_folder.Root));
    }

    [Fact]
    public void A_Link_To_A_File_Is_That_File()
    {
        var path = Path.Combine(_folder.Root, "real");
        File.WriteAllText(path, "abc");
        var link = Path.Combine(_folder.Root, "link");
        File.CreateSymbolicLink(link, path);
        Assert.Equal("abc"u8.ToArray(), RegularFile.Bytes(link, 3));
        Assert.Contains("more than 2 bytes", Assert.Throws<PeftException>(() => RegularFile.Bytes(link, 2)).Message);
    }

    public void Dispose() => _folder.Dispose();

    private string Put(string kind, string name)
    {
        if (kind is not ("missing" or "empty" or "folder") && OperatingSystem.IsWindows()) Assert.Skip("This system has no such files.");
        var path = Path.Combine(_folder.Root, name);
        switch (kind)
        {
            case "pipe":
                using (var made = Process.Start("mkfifo", [path])!) made.WaitForExit();
                break;
            case "device":
                return "/dev/zero";
            case "link to device":
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
            case "circle":
                File.CreateSymbolicLink(path, path + ".other");
                File.CreateSymbolicLink(path + ".other", path);
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "empty":
                File.WriteAllText(path, "");
                break;
        }
        return path;
    }
}
