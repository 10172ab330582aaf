using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Generation;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Reft;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Generation;

/// <summary>
/// A law: logits that are computed token by token with a cache, padded at the left among other rows, are those of each row alone at once.
/// </summary>
public sealed class CacheTests
{
    private static readonly int[][] Texts = [[13, 76, 79, 5, 44, 9, 31], [56, 92, 6], [57, 75, 30, 5, 14, 31, 71, 8, 61], [40, 4, 90, 17]];
    private static readonly int[] Next = [7, 33, 65, 12, 50];

    /// <summary>The reference models that read prompt and answer as one sequence. A new one joins by itself.</summary>
    internal static IReadOnlyList<string> Decoders { get; } = [.. Directory.GetDirectories(TestPaths.Fixture("models")).Select(f =>
        Path.GetFileName(f)!).Order().Where(IsDecoder)];

    private static bool IsDecoder(string name)
    {
        var config = ModelConfig.Read(TestPaths.Fixture("models", name));
        var architecture = config.Json["architectures"]?[0]?.ToString() ?? "";
        // Dynamic angles change with the longest row of a batch: not a law's business.
        return (architecture.EndsWith("ForCausalLM", StringComparison.Ordinal)
            || architecture.EndsWith("LMHeadModel", StringComparison.Ordinal))
            && ModelLoader.Supported.Contains(config.ModelType) && name != "llama-dynamic";
    }

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var model in Decoders.Concat(["t5", "t5v1"]))
                // A head for the next token belongs to the base: there is none to train.
                foreach (var method in MethodRegistry.All.SelectMany(m => m.Presets.Keys.Prepend(m.Name)).Distinct().Where(m =>
                    m != "head"))
                    if (model is "llama" or "gpt2" or "t5" || method is "lora" or "prompt" or "prefix") data.Add(model, method);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Cached_Logits_Are_Those_Of_The_Whole(string name, string method)
    {
        using var scope = NewDisposeScope();
        using var peft = Load(name);
        if (!TryAdd(peft, method, out var refused))
        {
            Refusal.RequireSentence(refused);
            return;
        }
        foreach (var names in (string?[][])[["a", "a", "a", "a"], ["a", null, "b", "a"], [null, "b", null, "b"]])
        {
            var selection = peft.SelectPerRow(names);
            using var cache = new KeyValueCache();
            var context = new ForwardContext { Selection = selection, Cache = cache, LastToken = true };
            if (selection.Adapters.Any(adapter => adapter.NeedsAllTokens))
            {
                Assert.Contains("nothing of earlier calls can be kept",
                    Assert.Throws<PeftException>(() => Run(peft, LeftPadded(peft, 0), context)).Message, StringComparison.Ordinal);
                return;
            }
            for (var step = 0; step <= Next.Length; step++)
            {
                var logits = Run(peft, step == 0 ? LeftPadded(peft, 0) : OneToken(peft, step), context);
                for (var row = 0; row < Texts.Length; row++)
                {
                    var alone = names[row] is { } adapter ? peft.Select(adapter) : AdapterSelection.None;
                    var whole = Run(peft, Alone(peft, row, step), new() { Selection = alone });
                    Bits.AssertClose(whole.narrow(1, whole.shape[1] - 1, 1), logits.narrow(0, row, 1), Rounding.Exact,
                        $"Row {row} of [{string.Join(", ", names)}] after {step} tokens");
                }
            }
        }
    }

    [Theory]
    [InlineData("llama", "prefix")]
    [InlineData("gpt2", "prompt")]
    [InlineData("t5", "lora")]
    [InlineData("llama", "xlora")]
    [InlineData("t5", "xlora")]
    public void Rows_Of_A_Cache_Can_Be_Chosen_Anew(string name, string method)
    {
        using var scope = NewDisposeScope();
        using var peft = Load(name);
        Assert.True(TryAdd(peft, method, out _));
        using var cache = new KeyValueCache();
        var context = new ForwardContext { Selection = peft.Select("a"), Cache = cache, LastToken = true };
        Run(peft, LeftPadded(peft, 0), context);
        long[] chosen = [2, 0, 2, 3, 1, 1];
        cache.Select(chosen);
        var logits = Run(peft, OneToken(peft, 1, chosen), context);
        for (var row = 0; row < chosen.Length; row++)
        {
            var whole = Run(peft, Alone(peft, (int)chosen[row], 1), new() { Selection = peft.Select("a") });
            Bits.AssertClose(whole.narrow(1, whole.shape[1] - 1, 1), logits.narrow(0, row, 1), Rounding.Exact, $"Row {row}");
        }
    }

    [Fact]
    public void Several_Tokens_May_Come_At_Once()
    {
        using var scope = NewDisposeScope();
        using var peft = Load("llama");
        Assert.True(TryAdd(peft, "prompt", out _));
        using var cache = new KeyValueCache();
        var context = new ForwardContext { Selection = peft.Select("a"), Cache = cache, LastToken = true };
        Run(peft, Batch(peft, [[1, 5, 9]]), context);
        var logits = Run(peft, Batch(peft, [[44, 8, 71, 20]]), context);
        var whole = Run(peft, Batch(peft, [[1, 5, 9, 44, 8, 71, 20]]), new() { Selection = peft.Select("a") });
        Bits.AssertClose(whole.narrow(1, whole.shape[1] - 1, 1), logits, Rounding.Exact, "The last token");
        Assert.Equal(7 + peft.Model.Sites.AddedTokens(peft.Select("a")), cache.Length);
        Assert.True(cache.Bytes > 0);
    }

    // Its angles change with the sequence once that is longer than those of pretraining: keys cannot stay.
    [Fact]
    public void Dynamic_Angles_Are_Computed_Anew()
    {
        using var scope = NewDisposeScope();
        using var peft = Load("llama-dynamic");
        var generator = new TokenGenerator(peft);
        var kept = generator.Generate([[13, 76, 79]], new() { MaxNewTokens = 100, EndIds = [] });
        var anew = generator.Generate([[13, 76, 79]], new() { MaxNewTokens = 100, EndIds = [], Cache = false });
        Assert.Equal(peft.Model.MaxTokens - 3, kept[0].Ids.Count);
        Assert.Equal(anew[0].Ids, kept[0].Ids);
    }

    [Fact]
    public void What_Cannot_Be_Cached_Is_Refused()
    {
        using var scope = NewDisposeScope();
        using var peft = Load("llama");
        using var cache = new KeyValueCache();
        using var batch = Batch(peft, [[1, 5, 9]]);
        Assert.Contains("no gradients", Assert.Throws<PeftException>(() =>
            peft.Model.Forward(batch, new() { Cache = cache, Training = true })).Message, StringComparison.Ordinal);
        using var encoder = TinyModels.Create("bert");
        Assert.Contains("no next token", Assert.Throws<PeftException>(() => encoder.Forward(batch, new() { Cache = cache })).Message,
            StringComparison.Ordinal);
        using var classes = TinyModels.Create("llama");
        Assert.Contains("not the next token", Assert.Throws<PeftException>(() =>
            classes.Forward(batch, new() { LastToken = true })).Message, StringComparison.Ordinal);
    }

    internal static PeftModel Load(string name) => new(ModelLoader.Load(TestPaths.Fixture("models", name), new()
    {
        Precision = ScalarType.Float64,
        Task = IsTwoStacks(name) ? TaskKind.SequenceToSequence : TaskKind.CausalLanguage,
    }));

    private static bool IsTwoStacks(string name) => name.StartsWith("t5", StringComparison.Ordinal);

    internal static bool TryAdd(PeftModel peft, string method, out string refused)
    {
        refused = "";
        try
        {
            Bench.Disturb(peft.Add(WithoutDraws(method), "a", 3), 0.3, 50);
            Bench.Disturb(peft.Add(WithoutDraws(method), "b", 4), 0.3, 90);
            return true;
        }
        catch (PeftException e)
        {
            refused = e.Message;
            return false;
        }
    }

    // Dropout belongs to a place in a batch, and these laws move sequences about.
    private static MethodOptions WithoutDraws(string method) => MethodRegistry.Options(method) switch
    {
        ReftOptions reft => reft with { Dropout = 0 },
        BottleneckOptions bottleneck => bottleneck with { StochasticDepth = 0 },
        var options => options,
    };

    internal static Tensor Run(PeftModel peft, TokenBatch batch, ForwardContext context)
    {
        using var guard = no_grad();
        return peft.Model.Forward(batch, context).Logits;
    }

    private static TokenBatch LeftPadded(PeftModel peft, int step) =>
        Batch(peft, [.. Texts.Select(text => (int[])[.. text, .. Next[..step]])]);

    private static TokenBatch OneToken(PeftModel peft, int step, long[]? rows = null) =>
        Batch(peft, [.. (rows ?? [0, 1, 2, 3]).Select(row => peft.Model.Head.Kind == TaskKind.SequenceToSequence ? Texts[row]
            : [Next[step - 1]])], [Next[step - 1]]);

    private static TokenBatch Alone(PeftModel peft, int row, int step) => peft.Model.Head.Kind == TaskKind.SequenceToSequence
        ? Batch(peft, [Texts[row]], [0, .. Next[..step]])
        : Batch(peft, [[.. Texts[row], .. Next[..step]]]);

    // Padded at the left. An encoder–decoder's decoder reads the given answer, by default its start alone.
    internal static TokenBatch Batch(PeftModel peft, int[][] rows, int[]? answer = null)
    {
        var width = rows.Max(r => r.Length);
        long[] Padded(Func<int[], int, long> value) => [.. rows.SelectMany(r =>
            Enumerable.Range(r.Length - width, width).Select(i => i < 0 ? 0 : value(r, i)))];
        answer ??= [0];
        return new()
        {
            InputIds = tensor(Padded((r, i) => r[i]), [rows.Length, width]),
            AttentionMask = tensor(Padded((_, _) => 1), [rows.Length, width]),
            AnswerIds = peft.Model.Head.Kind != TaskKind.SequenceToSequence ? null
                : tensor([.. rows.SelectMany(_ => answer.Select(id => (long)id))], [rows.Length, answer.Length]),
            Unpadded = rows.All(r => r.Length == width),
        };
    }
}
