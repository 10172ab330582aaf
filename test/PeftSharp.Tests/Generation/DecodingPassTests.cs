using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Decoding;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Generation;

/// <summary>
/// A law: the next token computed in one pass over all layers is the one that the layers give one by one, whatever acts and however weights
/// are kept; and the pass is taken where it can be, and nowhere else.
/// </summary>
public sealed class DecodingPassTests : IDisposable
{
    private const double Tolerance = 1e-5;

    private static readonly int[] Prompt = [13, 76, 79, 5, 44, 9, 31], Next = [7, 33, 65, 12, 50, 8, 71, 20, 3, 61];

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>The reference models whose layers are of Llama's kind.</summary>
    public static TheoryData<string> Models => [.. CacheTests.Decoders.Where(name =>
        name.StartsWith("llama", StringComparison.Ordinal) || name is "mistral" or "qwen2" or "qwen3")];

    /// <summary>What may act, and whether the pass computes it.</summary>
    public static TheoryData<string, bool> Adapters => new()
    {
        { "lora", true }, { "dylora", true }, { "bitfit", true }, { "ln-tuning", true }, { "full", true }, { "prompt", true },
        { "vera", false }, { "pfeiffer", false }, { "prefix", false }, { "ia3", false }, { "oft", false },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Logits_are_those_of_the_layers_one_by_one(string name)
    {
        using var peft = Load(name);
        AssertSame(peft, AdapterSelection.None, Next.Length);
    }

    [Fact]
    public void Several_models_are_tried() => Assert.True(Models.Count >= 6);

    [Theory]
    [InlineData("gemma")]
    [InlineData("gemma2")]
    [InlineData("phi3")]
    public void Other_layers_have_no_such_pass(string name)
    {
        using var peft = Load(name);
        Assert.Null(PassOf(peft));
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Adapters_act_as_in_the_layers_one_by_one(string method, bool inOnePass)
    {
        using var peft = Load(method == "bitfit" ? "qwen2" : "qwen3");
        Assert.True(CacheTests.TryAdd(peft, method, out var refused), refused);
        var bare = Follow(peft, AdapterSelection.None, _ => true);
        var acting = AssertSame(peft, peft.Select("a"), inOnePass ? Next.Length : 0);
        Bits.AssertDiffers(bare[0], acting[0], method);
        AssertSame(peft, AdapterSelection.None, Next.Length);
    }

    [Fact]
    public void Adapters_may_stack_and_change_between_tokens()
    {
        using var peft = Load("llama");
        Bench.Disturb(peft.Add(new LoraOptions { TargetModules = new("all-linear"), Rank = 3 }, "a", 3), 0.3, 50);
        Bench.Disturb(peft.Add(new LoraOptions { TargetModules = new(["q_proj", "down_proj"]), Rank = 9 }, "b", 4), 0.3, 90);
        AssertSame(peft, peft.Select("a"), Next.Length);
        AssertSame(peft, peft.Select("b"), Next.Length);
        AssertSame(peft, peft.Select("stack(a,b)"), Next.Length);
        AssertSame(peft, peft.Select("average(a:0.3,b:0.7)"), Next.Length);
    }

    [Fact]
    public void Merged_adapters_are_read()
    {
        using var peft = Load("llama");
        Bench.Disturb(peft.Add(new LoraOptions { TargetModules = new("all-linear") }, "a", 3), 0.3, 50);
        var apart = Follow(peft, peft.Select("a"), _ => true);
        peft.Merge("a");
        var merged = AssertSame(peft, AdapterSelection.None, Next.Length);
        AssertClose(apart, merged);
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("mistral")]
    public void Tokens_may_come_either_way_in_turn(string name)
    {
        using var peft = Load(name);
        var expected = Follow(peft, AdapterSelection.None, _ => false);
        AssertClose(expected, Follow(peft, AdapterSelection.None, step => step % 2 == 0));
        AssertClose(expected, Follow(peft, AdapterSelection.None, step => step is 1 or 2 or 5 or 6));
        Assert.Equal(Next.Length / 2 + 4, PassOf(peft)!.Steps);
    }

    // As between the turns of a conversation; the room of keys grows on the way.
    [Fact]
    public void Tokens_can_be_taken_back()
    {
        using var peft = Load("llama3");
        using var cache = new KeyValueCache();
        var context = new ForwardContext { Cache = cache, LastToken = true };
        CacheTests.Run(peft, CacheTests.Batch(peft, [Prompt]), context);
        for (var round = 0; round < 3; round++)
        {
            var first = Next.Select(id => CacheTests.Run(peft, CacheTests.Batch(peft, [[id]]), context)).ToList();
            cache.DropLast(Next.Length);
            var again = Next.Select(id => CacheTests.Run(peft, CacheTests.Batch(peft, [[id]]), context)).ToList();
            for (var i = 0; i < Next.Length; i++) Bits.AssertSame(first[i], again[i], $"Token {i} of round {round}");
        }
        Assert.Equal(6 * Next.Length, PassOf(peft)!.Steps);
        int[] all = [.. Prompt, .. Next, .. Next, .. Next];
        var whole = CacheTests.Run(peft, CacheTests.Batch(peft, [[.. all, 7]]), new() { LastToken = true });
        AssertClose([whole], [CacheTests.Run(peft, CacheTests.Batch(peft, [[7]]), context)]);
    }

    [Fact]
    public void Rows_without_padding_go_together()
    {
        using var peft = Load("qwen2");
        int[][] rows = [Prompt, [.. Prompt.Reverse()], [.. Prompt.Select(id => id + 2)], [.. Prompt.Select(id => id / 2)]];
        foreach (var count in (int[])[2, 3, 4, 5])
        {
            var before = PassOf(peft)!.Steps;
            var prompts = Enumerable.Range(0, count).Select(i => rows[i % rows.Length]).ToArray();
            AssertClose(
                Follow(peft, AdapterSelection.None, _ => false, prompts), Follow(peft, AdapterSelection.None, _ => true, prompts));
            Assert.Equal(count <= 4 ? Next.Length : 0, PassOf(peft)!.Steps - before);
        }
    }

    [Fact]
    public void Padded_rows_run_layer_by_layer()
    {
        using var peft = Load("llama");
        int[][] prompts = [Prompt, Prompt[2..]];
        AssertClose(
            Follow(peft, AdapterSelection.None, _ => false, prompts), Follow(peft, AdapterSelection.None, _ => true, prompts));
        Assert.Equal(0, PassOf(peft)!.Steps);
    }

    // Of a width that blocks of weights divide, so that rows begin with one.
    [Theory]
    [InlineData("nf4", true)]
    [InlineData("nf4-double", true)]
    [InlineData("fp4", true)]
    [InlineData("bf16", true)]
    [InlineData("int8", false)]
    public void Weights_in_few_bits_are_read_as_they_are_kept(string form, bool inOnePass)
    {
        var options = form switch
        {
            "bf16" => new ModelOptions { Compute = ComputeType.BFloat16 },
            "int8" => new() { Quantize = new Int8Options() },
            "fp4" => new() { Quantize = new Fp4Options() },
            _ => new() { Quantize = new Nf4Options(Double: form != "nf4") },
        };
        using var peft = Create(64, options);
        AssertSame(peft, AdapterSelection.None, inOnePass ? Next.Length : 0);
        Bench.Disturb(peft.Add(new LoraOptions { TargetModules = new("all-linear") }, "a", 3), 0.3, 50);
        AssertSame(peft, peft.Select("a"), inOnePass ? Next.Length : 0);
    }

    // More threads than processors, so that they wait for each other while some are not running.
    [Fact]
    public void The_number_of_threads_changes_no_bit()
    {
        using var peft = Create(256, new());
        var before = get_num_threads();
        try
        {
            set_num_threads(1);
            var one = Follow(peft, AdapterSelection.None, _ => true);
            set_num_threads(3);
            var three = Follow(peft, AdapterSelection.None, _ => true);
            for (var i = 0; i < one.Count; i++) Bits.AssertSame(one[i], three[i], $"Token {i}");
            Assert.Equal(2 * Next.Length, PassOf(peft)!.Steps);
        }
        finally
        {
            set_num_threads(before);
        }
    }

    // A new model of random numbers, its feed-forward block twice as wide.
    private static PeftModel Create(int width, ModelOptions options)
    {
        var json = (JsonObject)JsonNode.Parse(TinyModels.Entry("llama").Tiny(width))!;
        json["intermediate_size"] = 2 * width;
        return new(ModelLoader.Create(ModelConfig.From(json), null, options with { Task = TaskKind.CausalLanguage }));
    }

    private static DecodingPass? PassOf(PeftModel peft) => ((LlamaModel)peft.Model).Decoding;

    // Of float32, as the pass is.
    private static PeftModel Load(string name, ModelOptions? options = null) =>
        new(ModelLoader.Load(TestPaths.Fixture("models", name), (options ?? new()) with { Task = TaskKind.CausalLanguage }));

    // The logits of both ways, of which so many tokens went the new one.
    private List<Tensor> AssertSame(PeftModel peft, AdapterSelection selection, int steps)
    {
        var pass = PassOf(peft)!;
        var expected = Follow(peft, selection, _ => false);
        var before = pass.Steps;
        var found = Follow(peft, selection, _ => true);
        Assert.Equal(steps, pass.Steps - before);
        AssertClose(expected, found);
        return found;
    }

    private static void AssertClose(List<Tensor> expected, List<Tensor> found)
    {
        Assert.Equal(expected.Count, found.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            Bits.AssertClose(expected[i], found[i], Tolerance, $"Token {i}");
            Assert.True(expected[i].argmax(-1).Equals(found[i].argmax(-1)), $"Another token follows token {i}.");
        }
    }

    // The prompt, then token by token: the logits behind each.
    private List<Tensor> Follow(PeftModel peft, AdapterSelection selection, Func<int, bool> inOnePass, int[][]? prompts = null)
    {
        prompts ??= [Prompt];
        using var cache = new KeyValueCache();
        var context = new ForwardContext { Selection = selection, Cache = cache, LastToken = true };
        var logits = new List<Tensor> { CacheTests.Run(peft, CacheTests.Batch(peft, prompts), context) };
        for (var step = 0; step < Next.Length; step++)
        {
            if (PassOf(peft) is { } pass) pass.IsOn = inOnePass(step);
            int[][] rows = [.. prompts.Select((_, row) => (int[])[Next[(step + row) % Next.Length]])];
            logits.Add(CacheTests.Run(peft, CacheTests.Batch(peft, rows), context));
        }
        return logits;
    }
}
