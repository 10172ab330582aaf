using PeftSharp.Files;
using TorchSharp;

namespace PeftSharp.Tests.Files;

public sealed class CheckpointTests : IDisposable
{
    private const string Index = "model.safetensors.index.json";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Shard(string file, params string[] names)
    {
        using var ones = torch.ones(2);
        SafetensorsWriter.Write(
            _folder.File(file), names.Select(n => KeyValuePair.Create(n, ones)), new Dictionary<string, string> { ["file"] = file });
        return _folder.File(file);
    }

    private string Refusal(string? path = null) =>
        Assert.Throws<PeftException>(() => Checkpoint.Open(path ?? _folder.Root)).Message;

    [Fact]
    public void A_File_And_A_Folder_With_One_File_Open_Alike()
    {
        var file = Shard("model.safetensors", "a", "b");
        foreach (var path in (string[])[file, _folder.Root])
        {
            using var checkpoint = Checkpoint.Open(path);
            Assert.Equal(["a", "b"], checkpoint.Names.Order());
            Assert.True(checkpoint.Contains("a"));
            Assert.Equal([2], checkpoint.Info("b").Shape);
            Assert.Equal("model.safetensors", checkpoint.Metadata["file"]);
            Assert.Equal(path, checkpoint.Path);
            using var a = checkpoint.Read("a");
            Assert.Equal(2, a.sum().item<float>());
            Assert.Contains("\"c\"", Assert.Throws<PeftException>(() => checkpoint.Read("c")).Message);
        }
    }

    [Fact]
    public void Shards_Read_As_One()
    {
        Shard("s-1.safetensors", "a", "b");
        Shard("s-2.safetensors", "c");
        File.WriteAllText(_folder.File(Index), "\uFEFF"
            + """{"metadata":{"total_size":24},"weight_map":{"a":"s-1.safetensors","c":"s-2.safetensors","b":"s-1.safetensors"}}""");
        using var checkpoint = Checkpoint.Open(_folder.Root);
        Assert.Equal(["a", "b", "c"], checkpoint.Names.Order());
        using var c = checkpoint.Read("c");
        Assert.Equal(2, c.sum().item<float>());
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../s.safetensors"}}""", "no plain name")]
    [InlineData("""{"weight_map":{"a":"..\\s.safetensors"}}""", "no plain name")]
    [InlineData("""{"weight_map":{"a":"/s.safetensors"}}""", "no plain name")]
    [InlineData("""{"weight_map":{"a":"C:s.safetensors"}}""", "no plain name")]
    [InlineData("""{"weight_map":{"a":"..safetensors"}}""", "no plain name")]
    [InlineData("""{"weight_map":{"a":"s.bin"}}""", "no plain name")]
    [InlineData("""{"weight_map":{"a":3}}""", "no plain name")]
    [InlineData("""{"weight_map":{"a":"s.safetensors","a":"s.safetensors"}}""", "twice")]
    [InlineData("""{"weight_map":{},"weight_map":{}}""", "twice")]
    [InlineData("""{"weight_map":[]}""", "no object")]
    [InlineData("""{"metadata":{}}""", "no \"weight_map\"")]
    [InlineData("""[]""", "no JSON object")]
    [InlineData("""{"weight_map":{}} x""", "is not JSON at line 1")]
    [InlineData("""{"weight_map":{"a":"t.safetensors"}}""", "download the missing file")]
    [InlineData("""{"weight_map":{"b":"s.safetensors"}}""", "lacks it")]
    public void A_Hostile_Index_Is_Refused(string index, string says)
    {
        Shard("s.safetensors", "a");
        File.WriteAllText(_folder.File(Index), index);
        Assert.Contains(says, Refusal());
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("model.pt")]
    [InlineData("x.ckpt")]
    public void Pickle_Files_Are_Refused_With_Advice(string name)
    {
        var file = _folder.Write(name, [0x80, 2]);
        Assert.Contains("can run code", Refusal());
        Assert.Contains("can run code", Refusal(file));
    }

    [Fact]
    public void Other_Folders_And_Missing_Paths_Are_Refused()
    {
        Assert.Contains("does not exist", Refusal(_folder.File("none")));
        Assert.Contains("has no model.safetensors", Refusal());
        Shard("adapter_model.safetensors", "a");
        Assert.Contains("adapter_model.safetensors", Refusal());
    }
}
