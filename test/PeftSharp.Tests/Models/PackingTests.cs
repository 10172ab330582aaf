using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Tests.Generation;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>A law: sequences packed into one row have the loss and the gradients that they have in rows of their own.</summary>
public sealed class PackingTests
{
    private static readonly int[][] Texts = [[13, 76, 79, 5, 44, 9, 31], [56, 92, 6], [57, 75, 30, 5, 14, 31, 71, 8, 61], [40, 4, 90, 17]];

    // Labels of the first tokens are left out, as those of a prompt are; one text counts whole.
    private static readonly int[] Prompts = [2, 1, 4, 0];

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var model in CacheTests.Decoders)
                foreach (var method in MethodRegistry.All.SelectMany(m => m.Presets.Keys.Prepend(m.Name)).Distinct().Where(m =>
                    m != "head"))
                    if (model is "llama" or "gpt2" || method is "lora" or "prompt" or "prefix") data.Add(model, method);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Packed_Sequences_Learn_What_They_Learn_Apart(string name, string method)
    {
        using var scope = NewDisposeScope();
        using var peft = CacheTests.Load(name);
        if (!CacheTests.TryAdd(peft, method, out var refused))
        {
            Refusal.RequireSentence(refused);
            return;
        }
        if (peft["a"].Tensors.Count == 0) return; // biases where the model has none
        var context = new ForwardContext { Selection = peft.Select("a"), Training = true };
        using var apart = Apart();
        using var packed = Packed([[0, 1], [3, 2]]);
        if (peft["a"].Tag.NeedsAllTokens)
        {
            Assert.Contains("reads a whole row", Assert.Throws<PeftException>(() => peft.Model.Loss(packed, context)).Message,
                StringComparison.Ordinal);
            return;
        }
        var expected = peft.Model.Loss(apart, context);
        var actual = peft.Model.Loss(packed, context);
        Assert.Equal(expected.Weight, actual.Weight);
        Bits.AssertClose(expected.Mean, actual.Mean, Rounding.Exact, "The loss");
        var gradients = Gradients(peft["a"], expected.Mean);
        foreach (var (tensor, gradient) in Gradients(peft["a"], actual.Mean)) Bits.AssertClose(gradients[tensor], gradient,
            Rounding.Exact, tensor);
    }

    [Fact]
    public void Rows_Of_One_Batch_May_Hold_Different_Numbers_Of_Sequences()
    {
        using var scope = NewDisposeScope();
        using var peft = CacheTests.Load("gpt2");
        // With three prompts the first row is longer than the model's longest sequence, which none of its sequences is.
        Assert.True(CacheTests.TryAdd(peft, "prompt", out _));
        var context = new ForwardContext { Selection = peft.Select("a") };
        using var apart = Apart();
        using var packed = Packed([[0, 1, 3], [2]]);
        Bits.AssertClose(peft.Model.Loss(apart, context).Mean, peft.Model.Loss(packed, context).Mean, Rounding.Exact, "The loss");
    }

    [Fact]
    public void Rows_That_Cannot_Be_Packed_Are_Refused()
    {
        using var scope = NewDisposeScope();
        using var packed = Packed([[0, 1], [3, 2]]);
        using var encoder = TinyModels.Create("bert");
        Assert.Contains("one sequence a row", Assert.Throws<PeftException>(() => encoder.Forward(packed, new())).Message,
            StringComparison.Ordinal);
        using var peft = CacheTests.Load("llama");
        Assert.True(CacheTests.TryAdd(peft, "lora", out _));
        var perRow = new ForwardContext { Selection = peft.SelectPerRow(["a", null]) };
        Assert.Contains("row by row", Assert.Throws<PeftException>(() => peft.Model.Loss(packed, perRow)).Message,
            StringComparison.Ordinal);
    }

    internal static Dictionary<string, Tensor> Gradients(PeftMethod adapter, Tensor loss)
    {
        loss.Backpropagate();
        var gradients = adapter.Tensors.Where(t => t.Value.grad is not null).ToDictionary(t => t.Name, t => t.Value.grad!.clone());
        foreach (var tensor in adapter.Tensors) tensor.Value.grad = null;
        Assert.NotEmpty(gradients);
        return gradients;
    }

    internal static TokenBatch Apart() => Packed([[0], [1], [2], [3]], numbered: false);

    internal static TokenBatch Packed(int[][] rows, bool numbered = true)
    {
        var width = rows.Max(row => row.Sum(text => Texts[text].Length));
        var (ids, mask, labels, segments) = (new long[rows.Length * width], new long[rows.Length * width], new long[rows.Length * width],
            new long[rows.Length * width]);
        Array.Fill(labels, -100);
        for (var row = 0; row < rows.Length; row++)
        {
            var at = row * width;
            for (var text = 0; text < rows[row].Length; text++)
                for (var token = 0; token < Texts[rows[row][text]].Length; token++, at++)
                {
                    var id = Texts[rows[row][text]][token];
                    (ids[at], mask[at], segments[at]) = (id, 1, text + 1);
                    if (token >= Prompts[rows[row][text]]) labels[at] = id;
                }
        }
        long[] shape = [rows.Length, width];
        return new()
        {
            InputIds = tensor(ids, shape),
            AttentionMask = tensor(mask, shape),
            Labels = tensor(labels, shape),
            Segments = numbered ? tensor(segments, shape) : null,
            Unpadded = !mask.Contains(0),
        };
    }
}
