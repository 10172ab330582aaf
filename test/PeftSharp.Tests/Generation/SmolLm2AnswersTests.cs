using System.Text.Json;
using PeftSharp.Generation;
using PeftSharp.Runs;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Generation;

/// <summary>
/// A real model writes what it writes in the reference implementation, plain prompts and conversations, all in one batch.
/// </summary>
public sealed class SmolLm2AnswersTests
{
    [Fact]
    public void Answers_Are_The_References()
    {
        var file = TestPaths.RequireShared("fixtures", "real", "smollm2.json");
        using var loaded = LoadedModel.Open(TestPaths.RequireShared("models", "SmolLM2-135M-Instruct"));
        var rows = JsonDocument.Parse(File.ReadAllBytes(file)).RootElement.GetProperty("generation").EnumerateArray().ToList();
        var (generator, template) = (loaded.Generator(new() { MaxNewTokens = 32 }), loaded.ChatTemplate());
        foreach (var row in rows)
            if (row.TryGetProperty("chat", out var said))
                Assert.Equal(Ids(row.GetProperty("ids")), template.Encode([new(ChatMessage.User, said.GetString()!)], beginAnswer: true));
        var prompts = rows.Select(row => Ids(row.GetProperty("ids"))).ToList();
        var answers = generator.Generate(prompts, cancellation: TestContext.Current.CancellationToken);
        for (var i = 0; i < rows.Count; i++)
        {
            var expected = Ids(rows[i].GetProperty("greedy"));
            Assert.Equal(expected, answers[i].Ids);
            Assert.Equal(expected[^1] == 2 ? StopReason.EndToken : StopReason.Length, answers[i].Reason);
            Assert.Equal(rows[i].GetProperty("text").GetString()!.Replace("<|im_end|>", "", StringComparison.Ordinal), answers[i].Text);
        }
    }

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];
}
