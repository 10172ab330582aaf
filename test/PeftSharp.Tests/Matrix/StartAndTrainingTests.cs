using PeftSharp.Composition;
using PeftSharp.Methods;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Laws 1, 2, 3 and the first half of 7: what a method leaves alone, and what it trains.</summary>
public sealed class StartAndTrainingTests
{
    // A key's bias adds the same number to every score of a query, which the softmax takes away again.
    private static readonly string[] WithoutGradient = [".key.bias", ".k_lin.bias"];

    // A decoder answers at the last token: what ReFT makes of the first ones behind the last layer is read by nobody.
    private static readonly string[] BehindTheLastLayer = ["layers.1.reft_layer.", "h.1.reft_layer."];

    [Theory]
    [MemberData(nameof(MatrixCases.Neutral), MemberType = typeof(MatrixCases))]
    public void Starts_At_The_Base_Bit_For_Bit(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var plain = bench.Logits(AdapterSelection.None);
        Bits.AssertSame(plain, bench.Logits(bench.Add(method)), "The output at the start");
    }

    // T5's hidden states are those of its decoder, which are as many as the answer's tokens.
    [Theory]
    [MemberData(nameof(MatrixCases.Classifying), MemberType = typeof(MatrixCases))]
    public void Virtual_Tokens_Are_Told(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var hidden = bench.Peft.Forward(bench.Batch, AdapterSelection.Of(adapter.Tag), allTokens: true).Hidden!;
        // Of two stacks the last layer's vectors are those of the answer.
        if (bench.Task != TaskKind.SequenceToSequence)
            Assert.Equal(hidden.shape[1] - bench.Batch.Tokens, new TrainableAdapter(bench.Peft, adapter).AddedTokens);
        Assert.Equal(0, bench.Sites.AddedTokens(AdapterSelection.None));
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Leaves_The_Base_As_It_Was(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var (plain, tensors) = (bench.Logits(AdapterSelection.None), bench.BaseTensors());
        var adapter = bench.Add(method);
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base's output beside a new adapter");
        bench.Train(adapter, training: true);
        Bits.AssertDiffers(plain, bench.Logits(adapter), "Training");
        Bits.AssertSame(tensors, bench.BaseTensors());
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base's output beside a trained adapter");
        bench.Peft.Remove(adapter.Name);
        Assert.Equal(0, bench.Plugins);
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base's output after the adapter was removed");
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Every_Trained_Tensor_Gets_A_Gradient_And_Moves(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        var start = adapter.Tensors.ToDictionary(t => t.Name, t => t.Value.detach().clone());
        var reached = new HashSet<string>();
        using var optimizer = Bench.Optimizer(adapter);
        for (var step = 0; step < 2; step++)
            bench.Step(adapter, optimizer, step, look: () => reached.UnionWith(adapter.Tensors.Where(HasGradient).Select(t => t.Name)));
        var alive = adapter.Tensors.Where(t => !WithoutGradient.Any(e => t.Name.EndsWith(e, StringComparison.Ordinal))
            && !BehindTheLastLayer.Any(e => t.Name.Contains(e, StringComparison.Ordinal))).ToList();
        Assert.NotEmpty(alive);
        Assert.Equal([], alive.Select(t => t.Name).Where(n => !reached.Contains(n)));
        Assert.Equal([], alive.Where(t => Bits.Same(start[t.Name], t.Value)).Select(t => t.Name));
    }

    private static bool HasGradient(AdapterTensor tensor) => tensor.Value.grad is { } gradient && gradient.count_nonzero().item<long>() > 0;
}
