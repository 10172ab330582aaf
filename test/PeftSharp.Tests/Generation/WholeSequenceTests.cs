using PeftSharp.Generation;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Reft;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Generation;

/// <summary>Adapters that act by a token's place in the sequence write what they write without a cache.</summary>
public sealed class WholeSequenceTests
{
    private static readonly int[][] Prompts = [[13], [56, 92], [57, 75, 30, 5, 14, 31], [40, 4, 90]];
    private static readonly int[] Next = [7, 33, 65, 12, 50];

    // The prompts of one and two tokens are shorter than the first tokens that are changed: answers begin among them.
    [Theory]
    [InlineData("llama", true)]
    [InlineData("gpt2", true)]
    [InlineData("llama", false)]
    public void First_Tokens_Are_Counted_On_After_A_Short_Prompt(string name, bool perRow)
    {
        using var scope = NewDisposeScope();
        using var peft = CacheTests.Load(name);
        Bench.Disturb(peft.Add(new ReftOptions { PrefixPositions = 4, Dropout = 0 }, "a", 3), 0.3, 50);
        Bench.Disturb(peft.Add(MethodRegistry.Options("prompt"), "b", 4), 0.3, 90);
        string?[] names = perRow ? ["a", "b", null, "a"] : ["a", "a", "a", "a"];
        using var cache = new KeyValueCache();
        var context = new ForwardContext { Selection = peft.SelectPerRow(names), Cache = cache, LastToken = true };
        for (var step = 0; step <= Next.Length; step++)
        {
            var rows = step == 0 ? Prompts : [.. Prompts.Select(_ => (int[])[Next[step - 1]])];
            var logits = CacheTests.Run(peft, CacheTests.Batch(peft, rows), context);
            for (var row = 0; row < Prompts.Length; row++)
            {
                var alone = names[row] is { } adapter ? peft.Select(adapter) : AdapterSelection.None;
                var whole = CacheTests.Run(peft, CacheTests.Batch(peft, [[.. Prompts[row], .. Next[..step]]]), new() { Selection = alone });
                Bits.AssertClose(
                    whole.narrow(1, whole.shape[1] - 1, 1), logits.narrow(0, row, 1), Rounding.Exact, $"Row {row} after {step} tokens");
            }
        }
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("gpt2")]
    public void A_Split_Is_Written_From_The_Whole_Sequence(string name)
    {
        using var scope = NewDisposeScope();
        using var peft = CacheTests.Load(name);
        foreach (var (adapter, seed) in new[] { ("a", 50UL), ("b", 90UL) })
            Bench.Disturb(peft.Add(MethodRegistry.Options("pfeiffer"), adapter, seed), 0.5, seed);
        var split = peft.Select("split(a:3,b)");
        var generator = new TokenGenerator(peft);
        GenerationOptions Of(bool cache) => new() { MaxNewTokens = 5, EndIds = [], Cache = cache };
        var together = generator.Generate(Prompts, Of(cache: true), split);
        Assert.Equal(
            generator.Generate(Prompts, Of(cache: false), split).Select(answer => answer.Ids), together.Select(answer => answer.Ids));
        for (var row = 0; row < Prompts.Length; row++)
        {
            List<int> soFar = [.. Prompts[row]];
            foreach (var id in together[row].Ids)
            {
                var logits = CacheTests.Run(peft, CacheTests.Batch(peft, [[.. soFar]]), new() { Selection = split });
                Assert.Equal(logits[0, -1].argmax().item<long>(), id);
                soFar.Add(id);
            }
        }
    }
}
