using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Generation;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Metrics;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;
using PeftSharp.Tests.Generation;

namespace PeftSharp.Tests.Runs;

/// <summary>Answers that a model writes, scored against those of the rows: in C# and on the command line.</summary>
public sealed class WrittenAnswersTests : IDisposable
{
    private readonly WritingModel _files = new();

    // What an adapter that has learnt the rows writes is right, word for word.
    [Fact]
    public void A_model_that_learnt_its_rows_scores_full_marks()
    {
        string[] colours = ["bright red it is", "dark green it is", "deep blue it is", "pale grey it is"];
        var rows = Rows("learnt.jsonl", Enumerable.Range(0, 16).Select(i => ($"Which colour is number {i % 4}?", colours[i % 4])));
        var adapter = _files.File_("adapter");
        using (var run = FineTuning.Of(_files.Model)
            .With(new LoraOptions { Rank = 8, Alpha = 16, TargetModules = new("all-linear") })
            .On(rows).Rate(1e-2).Batch(8).Epochs(40).Set("compute", "fp32").Run(cancellation: TestContext.Current.CancellationToken))
            run.Save(adapter);
        var found = Peft.Run(
            "eval", "--base", _files.Model, "--adapter", adapter, "--data", rows, "--generate", "--max-new-tokens", "24", "--json")
            .Succeeds().Json;
        var metrics = found["metrics"]!;
        Assert.Equal(("bleu", 16), ((string)found["primary"]!, (int)found["examples"]!));
        Assert.Equal(100, (double)metrics["bleu"]!, 1e-9);
        Assert.Equal(100, (double)metrics["rouge_l"]!, 1e-9);
        Assert.Equal(4, (int)metrics["prompts"]!);
        Assert.InRange((double)metrics["perplexity"]!, 1, 1.5);
        Assert.Equal(colours, found["answers"]!.AsArray().Select(a => (string)a!["text"]!));
        Assert.All(found["answers"]!.AsArray(), answer => Assert.Equal(4, answer!["references"]!.AsArray().Count));
        // The table names the score first and shows what was written.
        var table = Peft.Run("eval", "--base", _files.Model, "--adapter", adapter, "--data", rows, "--metric", "rouge_l", "--prompts", "2",
            "--max-new-tokens", "24").Succeeds().Output;
        Assert.Matches(@"metric +value\s+[-─ ]*\s*rouge_l", table);
        Assert.Contains("reference: bright red it is", table, StringComparison.Ordinal);
        Assert.StartsWith("8 rows of", table, StringComparison.Ordinal);
    }

    // Whatever is written, scores are those of the texts, and of the rows with that prompt.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Scores_are_those_of_what_was_written(bool chat)
    {
        using var files = new WritingModel(chat);
        var rows = Path.Combine(Path.GetDirectoryName(files.Rows)!, "references.csv");
        File.WriteAllText(rows, "mr,ref\nname[A],A is a place to eat.\nname[B],B is near the river.\nname[A],You can eat at A.\n");
        using var model = LoadedModel.Open(files.Model);
        var options = new EvaluationOptions { Generate = new() { MaxNewTokens = 12 } };
        var found = Evaluation.Run(model, rows, options, TestContext.Current.CancellationToken);
        Assert.Equal(["name[A]", "name[B]"], found.Answers.Select(a => a.Prompt));
        Assert.Equal([["A is a place to eat.", "You can eat at A."], ["B is near the river."]], found.Answers.Select(a => a.References));
        var generator = model.Generator(options.Generate);
        var prompts = found.Answers.Select(a => chat
            ? model.ChatTemplate().Encode([new(PeftSharp.Tokenization.ChatMessage.User, a.Prompt)], beginAnswer: true)
            : generator.Encode(a.Prompt + "\n")).ToList();
        Assert.Equal(
            generator.Generate(prompts, cancellation: TestContext.Current.CancellationToken).Select(a => a.Text),
            found.Answers.Select(a => a.Answer));
        Assert.Equal(
            Bleu.Corpus([.. found.Answers.Select(a => a.Answer)], [.. found.Answers.Select(a => a.References)]).Score,
            found.Scores.Values["bleu"]);
        Assert.Equal(found.Answers.Average(a => a.RougeL), found.Scores.Values["rouge_l"], 1e-12);
        // The likelihood is that of the rows, written or not.
        var likely = Evaluation.Run(model, rows, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(likely.Scores.Values["loss"], found.Scores.Values["loss"], 1e-12);
        Assert.Empty(likely.Answers);
        Assert.Equal(("perplexity", "bleu"), (likely.Scores.Primary, found.Scores.Primary));
        Assert.True(found.Scores.HigherIsBetter);
    }

    [Fact]
    public void Prompts_are_counted_with_all_their_rows()
    {
        var rows = Rows("some.jsonl", [("a?", "one"), ("b?", "two"), ("a?", "three"), ("c?", "four")]);
        using var model = LoadedModel.Open(_files.Model);
        var found = Evaluation.Run(
            model, rows, new() { Generate = new() { MaxNewTokens = 2 }, Prompts = 2 }, TestContext.Current.CancellationToken);
        Assert.Equal((3, 2), (found.Scores.Examples, found.Answers.Count));
        Assert.Equal(["one", "three"], found.Answers[0].References);
    }

    [Fact]
    public void What_cannot_be_scored_is_refused()
    {
        string[] line = ["eval", "--base", _files.Model, "--data", _files.Rows];
        Assert.Contains("add --generate", Peft.Run([.. line, "--beams", "2"]).Fails(2), StringComparison.Ordinal);
        Assert.Contains("--prompts", Peft.Run([.. line, "--prompts", "2"]).Fails(2), StringComparison.Ordinal);
        Assert.Contains("temperature is 0", Peft.Run([.. line, "--generate", "--top-k", "2"]).Fails(2), StringComparison.Ordinal);
        Assert.Contains("perplexity, loss, bleu, rouge_l", Peft.Run([.. line, "--metric", "meteor"]).Fails(1), StringComparison.Ordinal);
        var alone = _files.File_("alone.jsonl");
        File.WriteAllText(alone, "{\"text\":\"once upon a time\"}\n");
        var refused = Peft.Run("eval", "--base", _files.Model, "--data", alone, "--generate").Fails(1);
        Assert.Contains("alone.jsonl, line 1: The row is a text alone", refused, StringComparison.Ordinal);
        var lengthy = Rows("long.jsonl", [("a?", "one"), (string.Concat(Enumerable.Repeat("and ", 400)), "so on")]);
        refused = Peft.Run("eval", "--base", _files.Model, "--data", lengthy, "--generate", "--max-length", "200").Fails(1);
        Assert.Contains("long.jsonl, line 2: A prompt of", refused, StringComparison.Ordinal);
        Assert.Contains("leaves no room for an answer", refused, StringComparison.Ordinal);
        var classifier = TestPaths.Fixture("models", "bert");
        Assert.Contains("writes no text", Assert.Throws<PeftException>(() =>
        {
            using var model = LoadedModel.Open(classifier);
            Evaluation.Run(model, _files.Rows, new() { Generate = new() }, TestContext.Current.CancellationToken);
        }).Message, StringComparison.Ordinal);
    }

    private string Rows(string name, IEnumerable<(string Prompt, string Answer)> rows)
    {
        var file = _files.File_(name);
        File.WriteAllLines(file, rows.Select(row =>
            new JsonObject { ["instruction"] = row.Prompt, ["output"] = row.Answer }.ToJsonString()));
        return file;
    }

    public void Dispose() => _files.Dispose();
}
