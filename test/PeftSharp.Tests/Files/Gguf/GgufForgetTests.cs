using PeftSharp.Files;
using PeftSharp.Files.Gguf;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Files.Gguf;

/// <summary>
/// Pages of a GGUF file that were read are given back. A private map shows it without counting memory: what was written to such a page is
/// gone with it, and what is read there next is the file's own.
/// </summary>
public sealed class GgufForgetTests : IDisposable
{
    private const int Rows = 2048, Columns = 64;

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("F32")]
    [InlineData("F16")]
    [InlineData("Q8_0")]
    public void Pages_That_Were_Read_Are_Given_Back(string type)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux is told that pages are not needed.");
        using var file = GgufFile.Open(Write(GgufType.Named(type)!));
        var (stored, other) = (file.Tensors["blk.0.ffn_up.weight"], file.Tensors["blk.0.ffn_down.weight"]);
        using var kept = Mapped(file, stored);
        using var beside = Mapped(file, other);
        // The pages in the middle belong to this tensor alone, whatever their size is.
        var middle = kept.narrow(0, Rows / 2, 1);
        var before = middle.clone();
        using (no_grad())
        {
            kept.zero_();
            beside.zero_();
        }
        file.Forget(stored);
        Assert.True(middle.equal(before).all().item<bool>());
        Assert.True(beside.eq(0).all().item<bool>());
    }

    [Theory]
    [InlineData("F32")]
    [InlineData("F16")]
    [InlineData("Q8_0")]
    public void A_Checkpoint_Hands_It_On_And_Reads_The_Same_Afterwards(string type)
    {
        using var checkpoint = Checkpoint.Open(Write(GgufType.Named(type)!));
        const string Name = "model.layers.0.mlp.up_proj.weight";
        using var first = checkpoint.Read(Name);
        var copy = first.clone();
        if (checkpoint.Info(Name).Blocks is null && OperatingSystem.IsLinux())
            using (no_grad()) first.zero_();
        checkpoint.Forget(Name);
        using var again = checkpoint.Read(Name);
        Assert.True(again.narrow(0, Rows / 2, 1).equal(copy.narrow(0, Rows / 2, 1)).all().item<bool>());
    }

    // Blocks of few bits as bytes, plain numbers as they are.
    private static Tensor Mapped(GgufFile file, GgufTensor tensor) =>
        tensor.Type.IsPlain ? file.Read(tensor) : file.Blocks(tensor);

    private string Write(GgufType type)
    {
        var writer = new GgufWriter();
        writer.Add("general.architecture", "llama");
        writer.Add("llama.attention.head_count", 4);
        foreach (var name in (string[])["blk.0.ffn_up.weight", "blk.0.ffn_down.weight"])
            writer.Add(name, type, [Rows, Columns], () => randn(Rows, Columns).add(3));
        var path = _folder.File("model.gguf");
        writer.Write(path);
        return path;
    }
}
