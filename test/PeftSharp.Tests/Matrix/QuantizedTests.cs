using PeftSharp.Methods;
using PeftSharp.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>On a base of four bits a method computes what it computes on the weights that those stand for.</summary>
public sealed class QuantizedTests
{
    public static TheoryData<string, string> Cases => new(
        from architecture in (string[])["bert", "llama"]
        from info in MethodRegistry.All
        where info.Family == MethodFamily.Reparameterized
        select (architecture, info.Name));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answers_And_Gradients_Are_Those_Of_The_Dequantised_Weights(string architecture, string method)
    {
        using Bench quantised = new(architecture, new ModelOptions { Quantize = new(32) }), dense = new(architecture, ScalarType.Float32);
        PeftMethod four = quantised.Add(method), plain = dense.Add(method);
        var pairs = quantised.Sites.Projections.Zip(dense.Sites.Projections).Where(p => p.First.Weight.Base.Kind == "nf4").ToList();
        Assert.NotEmpty(pairs);
        foreach (var (from, to) in pairs) to.Weight.ReplaceTensor(plain.Tag, (_, _) => from.Weight.Base.Dense());
        // Some are made of the weights.
        using (no_grad())
            foreach (var (from, to) in four.Frozen.Zip(plain.Frozen)) to.Value.copy_(from.Value);
        Bench.Disturb(four);
        Bench.Disturb(plain);
        Bits.AssertClose(dense.Logits(plain), quantised.Logits(four), Rounding.Of(TinyModels.LongestSum), "The output");
        quantised.Loss(four).backward();
        dense.Loss(plain).backward();
        var largest = plain.Tensors.Max(t => t.Value.grad!.abs().max().item<float>());
        foreach (var (a, b) in four.Tensors.Zip(plain.Tensors))
            Bits.AssertClose(
                b.Value.grad! / largest, a.Value.grad! / largest, Rounding.Of(TinyModels.LongestGradientSum), $"The gradient of {a.Name}");
    }
}
