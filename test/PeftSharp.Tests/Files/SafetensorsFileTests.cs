using PeftSharp.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Files;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<ScalarType> Types =>
        [
            ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16, ScalarType.Int64, ScalarType.Int32,
            ScalarType.Int16, ScalarType.Int8, ScalarType.Byte, ScalarType.Bool,
        ];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_Type_And_Shape_Comes_Back(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>
        {
            ["scalar"] = ones([], type),
            ["empty"] = zeros([3, 0, 2], type),
            ["one"] = zeros([1], type),
            ["matrix"] = (arange(35) % 7 > 2).reshape(5, 7).to_type(type),
            ["strided"] = arange(12).reshape(3, 4).to_type(type).t(),
        };
        var path = _folder.File("x.safetensors");
        SafetensorsWriter.Write(path, tensors);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(tensors.Keys.Order(), file.Tensors.Keys.Order());
        foreach (var (name, expected) in tensors)
        {
            using var read = file.Read(name);
            Assert.Equal(type, read.dtype);
            Assert.Equal(expected.shape, read.shape);
            Assert.True(expected.equal(read).all().item<bool>(), name);
        }
    }

    [Fact]
    public void Tensors_Outlive_The_File_The_Scope_And_A_Replacement()
    {
        var path = _folder.File("x.safetensors");
        using (var ones = torch.ones(4)) SafetensorsWriter.Write(path, [new("a", ones)]);
        Tensor read;
        using (NewDisposeScope())
        using (var file = SafetensorsFile.Open(path))
            read = file.Read("a");
        using (var zeros = torch.zeros(4)) SafetensorsWriter.Write(path, [new("a", zeros)]);
        using (read) Assert.Equal(4, read.sum().item<float>());
    }

    [Fact]
    public void Writing_To_A_Tensor_Leaves_The_File_Alone()
    {
        var path = _folder.File("x.safetensors");
        using (var ones = torch.ones(4)) SafetensorsWriter.Write(path, [new("a", ones)]);
        var before = File.ReadAllBytes(path);
        using (var file = SafetensorsFile.Open(path))
        using (var read = file.Read("a")) read.fill_(7);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_Misaligned_Tensor_Is_Copied()
    {
        var header = "{" + RawSafetensors.Tensor("a", "U8", "3", 0, 3) + "," + RawSafetensors.Tensor("b", "F32", "2", 3, 11) + "}";
        var bytes = RawSafetensors.Of(header, 11);
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 8), 1.5f);
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), -2f);
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", bytes));
        using var b = file.Read("b");
        Assert.Equal([1.5f, -2f], b.data<float>().ToArray());
    }

    [Fact]
    public void Bytes_That_Are_No_Booleans_Read_As_True()
    {
        var header = "{" + RawSafetensors.Tensor("a", "BOOL", "3", 0, 3) + "}";
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", RawSafetensors.Of(header, 3)));
        using var a = file.Read("a");
        Assert.Equal([false, true, true], a.data<bool>().ToArray());
        Assert.Equal((byte)1, a.bytes[2]);
    }

    [Fact]
    public void A_View_Takes_No_Memory_And_Leaks_Nothing()
    {
        var path = _folder.File("x.safetensors");
        using (var ones = torch.ones(4)) SafetensorsWriter.Write(path, [new("a", ones)]);
        using (var file = SafetensorsFile.Open(path))
        {
            using var first = file.Read("a");
            using var second = file.Read("a");
            second.fill_(3); // both are the same mapped bytes
            Assert.Equal(3, first[0].item<float>());
        }
        using var gone = SafetensorsFile.Open(path);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => gone.Read("a"));
    }

    [Fact]
    public void An_Unknown_Name_And_A_Vanished_Or_Shrunk_File_Are_Refused()
    {
        var path = _folder.File("x.safetensors");
        using (var ones = torch.ones(4)) SafetensorsWriter.Write(path, [new("a", ones)]);
        using var file = SafetensorsFile.Open(path);
        Assert.Contains("no tensor \"b\"", Assert.Throws<PeftException>(() => file.Read("b")).Message);
        using (var shrunk = File.OpenWrite(path)) shrunk.SetLength(20);
        Assert.Contains("shrunk", Assert.Throws<PeftException>(() => file.Read("a")).Message);
        File.Delete(path);
        Assert.Throws<PeftException>(() => file.Read("a"));
    }
}
