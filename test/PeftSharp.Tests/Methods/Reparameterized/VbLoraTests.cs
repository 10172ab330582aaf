using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.VbLora;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Reparameterized;

/// <summary>A bank of vectors that every layer shares.</summary>
public sealed class VbLoraTests : IDisposable
{
    private static readonly VbLoraOptions Small = new() { Vectors = 300, Length = 8, Mixed = 3 };

    private readonly TempFolder _folder = new();

    [Fact]
    public void Scores_That_Count_Are_Enough_To_Answer_And_Merge_But_Not_To_Train()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(Small with { SavesMixedOnly = true });
        Bench.Disturb(adapter);
        AdapterFolder.Save(adapter, _folder.Root);
        using var file = SafetensorsFile.Open(AdapterFolder.Open(_folder.Root).WeightsFile);
        Assert.Contains(
            file.Tensors,
            t => t.Key.EndsWith("query.vblora_logits_A_topk_indices", StringComparison.Ordinal) && t.Value.ScalarType == ScalarType.Int16);
        Assert.Contains(
            file.Tensors, t => t.Key.EndsWith("query.vblora_logits_B_topk_weights", StringComparison.Ordinal) && t.Value.Shape[^1] == 2);
        Assert.DoesNotContain(file.Tensors, t => t.Key.EndsWith("vblora_logits_A", StringComparison.Ordinal));
        using var other = new Bench("bert", ScalarType.Float64);
        var read = AdapterFolder.Open(_folder.Root).LoadInto(other.Peft);
        // the last share is one minus the others
        Bits.AssertClose(bench.Logits(adapter), other.Logits(read), 1e-6, "The output of what was read");
        var answered = other.Logits(read);
        other.Peft.Merge(read.Name);
        Bits.AssertClose(answered, other.Logits(PeftSharp.Sites.AdapterSelection.None), Rounding.Exact, "The merged output");
        using var trained = new Bench("bert");
        var again = AdapterFolder.Open(_folder.Root).LoadInto(trained.Peft);
        Refusal.Of(trained, () => trained.Train(again, training: true), "save_only_topk_weights");
    }

    [Fact]
    public void Indices_Beyond_The_Bank_Are_Refused()
    {
        using var bench = new Bench("bert");
        AdapterFolder.Save(bench.Add(Small with { SavesMixedOnly = true }), _folder.Root);
        var path = AdapterFolder.Open(_folder.Root).WeightsFile;
        Dictionary<string, Tensor> tensors;
        using (var file = SafetensorsFile.Open(path)) tensors = file.Tensors.Keys.ToDictionary(k => k, k => file.Read(k).clone());
        var key = tensors.Keys.First(k => k.EndsWith("_topk_indices", StringComparison.Ordinal));
        tensors[key] = full_like(tensors[key], 300);
        SafetensorsWriter.Write(path, tensors);
        using var other = new Bench("bert");
        Refusal.Of(other, () => AdapterFolder.Open(_folder.Root).LoadInto(other.Peft), key, "300", "299");
    }

    [Fact]
    public void What_Does_Not_Fit_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new VbLoraOptions { Length = 7 }), "\"vector_length\" is 7", "32");
        Refusal.Of(bench, () => bench.Add(Small with { Mixed = 400 }), "\"topk\" is 400", "300");
    }

    public void Dispose() => _folder.Dispose();
}
