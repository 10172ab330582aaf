using Microsoft.Extensions.AI;
using PeftSharp.Generation;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippets of docs/generation.md and docs/instruct.md, compiled.</summary>
internal static class GenerationSnippet
{
    public static async Task Generate()
    {
        using var model = LoadedModel.Open("models/SmolLM2-135M-Instruct", "runs/alpaca");
        var generator = model.Generator(new GenerationOptions { Temperature = 0.7, TopP = 0.9, MaxNewTokens = 200 });
        var prompt = model.ChatTemplate().Encode([new("user", "Name three rivers.")], beginAnswer: true);
        await foreach (var piece in generator.StreamAsync(prompt, selection: model.Selection)) Console.Write(piece);

        var answers = generator.Generate(["Rivers are", "Lakes are"], selection: model.Model.SelectPerRow(["default", null]));
        Assert.Equal(2, answers.Count);
    }

    public static async Task Chat()
    {
        using var client = LoadedModel.Open("models/SmolLM2-135M-Instruct", "runs/alpaca").ChatClient();
        var response = await client.GetResponseAsync("Name three rivers.", new ChatOptions { Temperature = 0.7f, ModelId = "default" });
        Console.WriteLine(response.Text);
    }

    public static void Train()
    {
        using var run = FineTuning.Of("models/SmolLM2-135M-Instruct").With(new LoraOptions { Rank = 16, TargetModules = new("all-linear") })
            .On("alpaca.json").HoldOut(0.1).MaxLength(256).Rate(2e-4).To("runs/alpaca").Run();
        Console.WriteLine(run.Scores!.Values["perplexity"]);

        using var model = LoadedModel.Open("models/SmolLM2-135M-Instruct", "runs/alpaca");
        var found = Evaluation.Run(model, "held-out.jsonl", new() { Generate = new() { MaxNewTokens = 64 } });
        Console.WriteLine($"{found.Scores.Values["bleu"]}: {found.Answers[0].Answer}");
    }
}
