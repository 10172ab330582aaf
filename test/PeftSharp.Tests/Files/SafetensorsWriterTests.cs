using PeftSharp.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Files;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // The fixture was written by the reference writer.
    [Fact]
    public void A_Rewritten_File_Equals_The_Reference_Writers_Byte_For_Byte()
    {
        var reference = Path.Combine(AppContext.BaseDirectory, "fixtures", "quantization", "blocks.safetensors");
        using var file = SafetensorsFile.Open(reference);
        var tensors = file.Tensors.Keys.Reverse().ToDictionary(name => name, file.Read);
        SafetensorsWriter.Write(_folder.File("again.safetensors"), tensors, file.Metadata);
        Assert.Equal(File.ReadAllBytes(reference), File.ReadAllBytes(_folder.File("again.safetensors")));
        foreach (var tensor in tensors.Values) tensor.Dispose();
    }

    [Fact]
    public void Metadata_And_Strange_Names_Come_Back()
    {
        using var one = torch.ones(1);
        var names = new[] { "", "é.\"quoted\"", "日本", "a\\b", "<tag>&+", "\n" };
        var metadata = new Dictionary<string, string> { ["format"] = "pt", ["note"] = "two\nlines" };
        SafetensorsWriter.Write(_folder.File("x.safetensors"), names.Select(n => KeyValuePair.Create(n, one)), metadata);
        using var file = SafetensorsFile.Open(_folder.File("x.safetensors"));
        Assert.Equal(names.Order(), file.Tensors.Keys.Order());
        Assert.Equal(metadata, file.Metadata);
    }

    [Fact]
    public void No_Tensors_Make_A_Valid_File()
    {
        SafetensorsWriter.Write(_folder.File("x.safetensors"), []);
        using var file = SafetensorsFile.Open(_folder.File("x.safetensors"));
        Assert.Empty(file.Tensors);
        Assert.Empty(file.Metadata);
    }

    [Fact]
    public void Bad_Names_And_Types_Are_Refused_And_The_Old_File_Stays()
    {
        var path = _folder.Write("x.safetensors", [1, 2, 3]);
        using var one = torch.ones(1);
        using var complex = torch.zeros(1, ScalarType.ComplexFloat32);
        KeyValuePair<string, Tensor> a = new("a", one);
        Assert.Contains("twice", Assert.Throws<PeftException>(() => SafetensorsWriter.Write(path, [a, a])).Message);
        Assert.Contains("reserves", Assert.Throws<PeftException>(() => SafetensorsWriter.Write(path, [new("__metadata__", one)])).Message);
        Assert.Contains("ComplexFloat32", Assert.Throws<PeftException>(() => SafetensorsWriter.Write(path, [new("a", complex)])).Message);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Gradients_And_Scopes_Are_Left_Alone()
    {
        using var scope = NewDisposeScope();
        var trained = torch.ones(2, 3, requires_grad: true).t();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        SafetensorsWriter.Write(_folder.File("x.safetensors"), [new("a", trained)]);
        Assert.False(trained.IsInvalid);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
