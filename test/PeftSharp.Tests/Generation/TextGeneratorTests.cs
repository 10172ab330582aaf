using Microsoft.Extensions.AI;
using PeftSharp.Generation;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Generation;

public sealed class TextGeneratorTests : IDisposable
{
    private readonly WritingModel _files = new();
    private readonly LoadedModel _loaded;

    public TextGeneratorTests() => _loaded = LoadedModel.Open(_files.Model);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static GenerationOptions Drawn => new() { Temperature = 1, MaxNewTokens = 30, Seed = 3 };

    [Fact]
    public async Task Pieces_Make_The_Whole_Answer()
    {
        var generator = _loaded.Generator(Drawn);
        var whole = generator.Generate("Number 1 is", cancellation: Cancellation);
        GeneratedText? told = null;
        var prompt = generator.Tokenizer.Encode("Number 1 is").Ids;
        var pieces = new List<string>();
        await foreach (var piece in generator.StreamAsync(prompt, ended: answer => told = answer,
            cancellation: Cancellation)) pieces.Add(piece);
        Assert.True(pieces.Count > 5);
        Assert.Equal(whole.Text, string.Concat(pieces));
        Assert.Equal(whole.Ids, told!.Ids);
        Assert.Equal((whole.Text, whole.Reason, prompt.Length), (told.Text, told.Reason, told.PromptTokens));
    }

    [Fact]
    public void Rows_Of_A_Batch_Answer_As_They_Do_Alone()
    {
        Bench.Disturb(_loaded.Model.Add(new LoraOptions { Rank = 4, TargetModules = new("all-linear") }, "a"), 0.3, 9);
        var generator = _loaded.Generator(new() { MaxNewTokens = 12, EndIds = [] });
        string[] prompts = ["Number 1 is", "Which colour", "A much longer beginning of a text, to be padded for"];
        string?[] adapters = ["a", null, "a"];
        var batch = generator.Generate(prompts, selection: _loaded.Model.SelectPerRow(adapters), cancellation: Cancellation);
        for (var i = 0; i < prompts.Length; i++)
        {
            var alone = generator.Generate(prompts[i], selection: adapters[i] is { } name ? _loaded.Model.Select(name)
                : AdapterSelection.None, cancellation: Cancellation);
            Assert.Equal(alone.Ids, batch[i].Ids);
        }
        Assert.NotEqual(batch[0].Text, generator.Generate(prompts[0], cancellation: Cancellation).Text);
    }

    [Fact]
    public void End_Tokens_And_Stop_Texts_End_Answers()
    {
        var generator = _loaded.Generator(Drawn with { EndIds = [] });
        var whole = generator.Generate("Number 1 is", cancellation: Cancellation);
        Assert.Equal(StopReason.Length, whole.Reason);
        Assert.Equal(30, whole.Ids.Count);
        var ended = generator.Generate("Number 1 is", Drawn with { EndIds = [whole.Ids[10]] }, cancellation: Cancellation);
        var at = whole.Ids.ToList().IndexOf(whole.Ids[10]);
        Assert.Equal((StopReason.EndToken, at + 1), (ended.Reason, ended.Ids.Count));
        Assert.Equal(generator.Tokenizer.Decode([.. whole.Ids.Take(at)]), ended.Text);
        var stop = whole.Text.Substring(whole.Text.Length / 2, 3);
        var stopped = generator.Generate("Number 1 is", Drawn with { EndIds = [], Stop = [stop] }, cancellation: Cancellation);
        Assert.Equal((StopReason.StopText, whole.Text[..whole.Text.IndexOf(stop, StringComparison.Ordinal)]), (stopped.Reason,
            stopped.Text));
    }

    [Fact]
    public async Task Cancelling_Stops_Between_Two_Tokens()
    {
        var generator = _loaded.Generator(new() { MaxNewTokens = 200, EndIds = [] });
        using var source = new CancellationTokenSource();
        var count = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in generator.StreamAsync("Number 1 is", cancellation: source.Token))
                if (++count == 3) await source.CancelAsync();
        });
        Assert.Equal(3, count);
        Assert.True(generator.Generate("Again", new() { MaxNewTokens = 2 }, cancellation: Cancellation).Ids.Count <= 2);
    }

    [Fact]
    public async Task Answers_End_Where_The_Model_Does()
    {
        var generator = _loaded.Generator(new() { MaxNewTokens = 10_000, EndIds = [] });
        int[] prompt = [.. Enumerable.Repeat(5, 250)];
        Assert.Equal(6, generator.Generate([prompt], cancellation: Cancellation)[0].Ids.Count);
        Assert.Contains("leaves no room", Assert.Throws<PeftException>(() =>
            generator.Generate([Enumerable.Repeat(5, 256).ToArray()])).Message, StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<PeftException>(async () =>
        {
            await foreach (var _ in generator.StreamAsync("x", new() { Beams = 2 }, cancellation: Cancellation)) { }
        });
        Assert.Contains("streamed", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_Conversation_Keeps_What_Was_Said()
    {
        var session = new ChatSession(_loaded.Generator(Drawn), _loaded.ChatTemplate());
        session.Reset("Be brief.");
        var first = string.Concat(await Collect(session.AskAsync("Hello?", cancellation: Cancellation)));
        var second = string.Concat(await Collect(session.AskAsync("And?", cancellation: Cancellation)));
        Assert.Equal(
            [("system", "Be brief."), ("user", "Hello?"), ("assistant", first), ("user", "And?"), ("assistant", second)],
                session.Messages.Select(m => (m.Role, m.Content)));
        var prompt = _loaded.ChatTemplate().Encode([.. session.Messages.Take(4)], beginAnswer: true);
        Assert.Equal(_loaded.Generator(Drawn).Generate([prompt], cancellation: Cancellation)[0].Text, second);
        await Assert.ThrowsAsync<PeftException>(() => Collect(session.AskAsync(" ", cancellation: Cancellation)));
        Assert.Equal(5, session.Messages.Count);
        session.Reset();
        Assert.Empty(session.Messages);
    }

    [Fact]
    public async Task A_Chat_Client_Answers_As_The_Generator_Does()
    {
        Bench.Disturb(_loaded.Model.Add(new LoraOptions { Rank = 4, TargetModules = new("all-linear") }, "a"), 0.3, 9);
        using IChatClient client = _loaded.ChatClient();
        ChatOptions options = new() { Temperature = 1, MaxOutputTokens = 20, Seed = 3, Instructions = "Be brief." };
        Microsoft.Extensions.AI.ChatMessage[] messages = [new(ChatRole.User, "Hello?")];
        var response = await client.GetResponseAsync(messages, options, Cancellation);
        var prompt = _loaded.ChatTemplate().Encode([new("system", "Be brief."), new("user", "Hello?")], beginAnswer: true);
        var expected = _loaded.Generator().Generate([prompt], new() { Temperature = 1, MaxNewTokens = 20, Seed = 3, EndIds = [0] },
            cancellation: Cancellation)[0];
        Assert.Equal(expected.Text, response.Text);
        Assert.Equal((prompt.Length, expected.Ids.Count), ((int)response.Usage!.InputTokenCount!, (int)response.Usage.OutputTokenCount!));
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in client.GetStreamingResponseAsync(messages, options, Cancellation)) updates.Add(update);
        Assert.True(updates.Count > 3);
        var joined = updates.ToChatResponse();
        Assert.Equal((response.Text, response.FinishReason, response.Usage.OutputTokenCount), (joined.Text, joined.FinishReason,
            joined.Usage!.OutputTokenCount));
        var adapted = await client.GetResponseAsync(messages,
            new() { Temperature = 1, MaxOutputTokens = 20, Seed = 3, Instructions = "Be brief.", ModelId = "a" }, Cancellation);
        Assert.NotEqual(response.Text, adapted.Text);
        Assert.Contains("There is no adapter", (await Assert.ThrowsAsync<PeftException>(() =>
            client.GetResponseAsync(messages, new() { ModelId = "b" }, Cancellation))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<NotSupportedException>(() =>
            client.GetResponseAsync([new(ChatRole.User, [new UriContent("https://example.org/a.png", "image/png")])], null, Cancellation));
        Assert.NotNull(client.GetService<ChatClientMetadata>());
    }

    [Fact]
    public void Models_That_Write_Nothing_Are_Refused()
    {
        var bert = LoadedModel.Open(TestPaths.Fixture("models", "bert"));
        using (bert) Assert.Contains("gives no text", Assert.Throws<PeftException>(() => bert.Generator()).Message,
            StringComparison.Ordinal);
        using var silent = LoadedModel.Open(TestPaths.Fixture("models", "llama"));
        Assert.Contains("no tokenizer", Assert.Throws<PeftException>(() => silent.Generator()).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _loaded.Dispose();
        _files.Dispose();
    }

    private static async Task<List<string>> Collect(IAsyncEnumerable<string> pieces)
    {
        var all = new List<string>();
        await foreach (var piece in pieces) all.Add(piece);
        return all;
    }
}
