using Microsoft.Extensions.AI;
using PeftSharp.Composition;
using PeftSharp.Generation;
using PeftSharp.Methods.Additive.Reft;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Generation;

/// <summary>What was computed for a conversation is kept between its turns, and every answer is the one that is computed anew.</summary>
public sealed class KeptKeysTests : IDisposable
{
    private static readonly int[] First = [13, 76, 79, 5, 44, 9, 31], More = [56, 92, 6, 57];

    private readonly WritingModel _files = new();
    private readonly LoadedModel _loaded;

    public KeptKeysTests() => _loaded = LoadedModel.Open(_files.Model);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string?> Cases
    {
        get
        {
            var data = new TheoryData<string, string?>();
            foreach (var model in CacheTests.Decoders)
                foreach (var method in (string?[])[null, "lora", "prompt", "prefix"]) data.Add(model, method);
            data.Add("llama", "xlora");
            return data;
        }
    }

    // In float64, where rounding hides nothing: the logits after each token of the second turn.
    [Theory]
    [MemberData(nameof(Cases))]
    public void A_turn_with_kept_keys_gives_the_logits_of_one_without(string name, string? method)
    {
        using var peft = CacheTests.Load(name);
        if (method is not null && !CacheTests.TryAdd(peft, method, out var refused)) Assert.Skip($"{name} refuses {method}: {refused}");
        var selection = method is null ? AdapterSelection.None : peft.Select("a");
        using var kept = new KeptKeys();
        int[] answer = [7, 33, 65];
        Follow(peft, selection, First, answer, kept);
        // The last token of an answer was never read; what a template writes of it may differ from there on.
        foreach (var (prompt, reused) in new[]
        {
            ((int[])[.. First, .. answer, .. More], First.Length + 2), ([.. First, 7, .. More], First.Length + 1),
            (First, First.Length - 1),
        })
        {
            var (logits, tokens) = Follow(peft, selection, prompt, answer, kept);
            var (whole, none) = Follow(peft, selection, prompt, answer, null);
            Assert.Equal((reused, 0), (tokens, none));
            for (var step = 0; step < whole.Count; step++)
                Assert.All(whole[step].Zip(logits[step]), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
            Follow(peft, selection, First, answer, kept);
        }
    }

    [Fact]
    public void What_others_computed_is_not_taken()
    {
        using var peft = CacheTests.Load("llama");
        Assert.True(CacheTests.TryAdd(peft, "lora", out _));
        using var kept = new KeptKeys();
        int Reused(AdapterSelection selection) => Follow(peft, selection, First, [7], kept).Reused;
        Assert.Equal(0, Reused(peft.Select("a")));
        Assert.Equal(First.Length - 1, Reused(peft.Select("a")));
        Assert.Equal(0, Reused(peft.Select("b")));
        Assert.Equal(0, Reused(AdapterSelection.None));
        Assert.Equal(First.Length - 1, Reused(AdapterSelection.None));
        peft.Merge("a");
        Assert.Equal(0, Reused(AdapterSelection.None));
        Assert.Equal(First.Length - 1, Reused(AdapterSelection.None));
        peft.Unmerge();
        Assert.Equal(0, Reused(AdapterSelection.None));
        // Another beginning, then an earlier one that is no longer kept.
        Assert.Equal(0, Follow(peft, AdapterSelection.None, [9, .. First], [7], kept).Reused);
        Assert.Equal(0, Reused(AdapterSelection.None));
        peft.Add(new ReftOptions { PrefixPositions = 2, SuffixPositions = 0 }, "first tokens");
        Assert.Equal(0, Reused(peft.Select("first tokens")));
        Assert.Equal(0, Reused(peft.Select("first tokens")));
    }

    [Fact]
    public async Task A_conversation_computes_new_tokens_alone()
    {
        Bench.Disturb(_loaded.Model.Add(new LoraOptions { Rank = 4, TargetModules = new("all-linear") }, "a"), 0.3, 9);
        var options = new GenerationOptions { Temperature = 1, MaxNewTokens = 8, Seed = 3 };
        using var session = new ChatSession(_loaded.Generator(options), _loaded.ChatTemplate());
        session.Reset("Be brief.");
        foreach (var (text, adapter, keeps) in new[]
        {
            ("Hello?", null, false), ("And?", null, true), ("Who?", "a", false), ("Why?", (string?)"a", true), ("So?", null, false),
        })
        {
            session.Selection = adapter is null ? AdapterSelection.None : _loaded.Model.Select(adapter);
            await foreach (var _ in session.AskAsync(text, cancellation: Cancellation)) { }
            var prompt = _loaded.ChatTemplate().Encode([.. session.Messages.SkipLast(1)], beginAnswer: true);
            var whole = _loaded.Generator(options).Generate(
                [prompt], options with { Cache = false, EndIds = [0] }, session.Selection, Cancellation)[0];
            Assert.Equal(whole.Ids, session.Last!.Ids);
            Assert.Equal(keeps, session.Last.ReusedTokens > 10);
            Assert.True(session.Last.ReusedTokens < session.Last.PromptTokens);
        }
        session.Forget();
        await foreach (var _ in session.AskAsync("Now?", cancellation: Cancellation)) { }
        Assert.Equal(0, session.Last!.ReusedTokens);
    }

    // An answer that is broken off leaves what was read.
    [Fact]
    public async Task An_answer_that_was_broken_off_can_be_followed()
    {
        var options = new GenerationOptions { Temperature = 1, MaxNewTokens = 40, Seed = 5, EndIds = [] };
        using var session = new ChatSession(_loaded.Generator(options), _loaded.ChatTemplate());
        var pieces = 0;
        await foreach (var _ in session.AskAsync("Hello?", cancellation: Cancellation))
            if (++pieces == 4) break;
        await foreach (var _ in session.AskAsync("And?", cancellation: Cancellation)) { }
        var prompt = _loaded.ChatTemplate().Encode([.. session.Messages.SkipLast(1)], beginAnswer: true);
        var whole = _loaded.Generator(options).Generate([prompt], options with { Cache = false }, cancellation: Cancellation)[0];
        Assert.Equal(whole.Ids, session.Last!.Ids);
        Assert.True(session.Last.ReusedTokens > 3);
    }

    [Fact]
    public async Task A_chat_client_keeps_its_last_conversation()
    {
        using IChatClient client = _loaded.ChatClient();
        ChatOptions options = new() { Temperature = 1, MaxOutputTokens = 20, Seed = 3 };
        List<ChatMessage> messages = [new(ChatRole.User, "Hello?")];
        var first = await client.GetResponseAsync(messages, options, Cancellation);
        Assert.Equal(0, first.Usage!.CachedInputTokenCount);
        messages.AddRange([.. first.Messages, new(ChatRole.User, "And?")]);
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in client.GetStreamingResponseAsync(messages, options, Cancellation)) updates.Add(update);
        var second = updates.ToChatResponse();
        Assert.True(second.Usage!.CachedInputTokenCount > 8);
        using var fresh = new PeftChatClient(_loaded.Generator(), _loaded.ChatTemplate());
        var anew = await fresh.GetResponseAsync(messages, options, Cancellation);
        Assert.Equal(anew.Text, second.Text);
        Assert.Equal(0, anew.Usage!.CachedInputTokenCount);
        // Two at once do not share it.
        var both = await Task.WhenAll(
            client.GetResponseAsync(messages, options, Cancellation), client.GetResponseAsync(messages, options, Cancellation));
        Assert.All(both, response => Assert.Equal(anew.Text, response.Text));
    }

    // The logits after the prompt and after each token of an answer that is given.
    private static (List<double[]> Logits, int Reused) Follow(
        PeftModel peft, AdapterSelection selection, int[] prompt, int[] answer, KeptKeys? kept)
    {
        using var session = new TokenGenerator(peft).Open([prompt], new() { MaxNewTokens = 8 }, selection, out _, kept);
        var logits = new List<double[]> { session.Advance() };
        foreach (var token in answer.SkipLast(1)) logits.Add(session.Advance([token]));
        return (logits, session.Reused);
    }

    public void Dispose()
    {
        _loaded.Dispose();
        _files.Dispose();
    }
}
