using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Runs.Answering;
using PeftSharp.Runs.Making;
using PeftSharp.Sites;
using PeftSharp.Tests.Cli;
using PeftSharp.Tokenization;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippets of docs/csharp.md, which run as they stand.</summary>
public sealed class CSharpSnippet(CliFolder files) : IClassFixture<CliFolder>
{
    [Fact]
    public void The_snippets_run()
    {
        var (folder, output) = (files.Model, files.File_("my-adapter"));
        Train(folder, files.Train, output);
        Assert.Contains(Answer(output), (string[])["negative", "positive"]);
        AnswerAll(folder, output, files.File_("answers.jsonl"));
        Assert.Equal(2, File.ReadLines(files.File_("answers.jsonl")).Count());
        Merge(folder, output, files.File_("merged"));
        Assert.Equal(["negative", "positive"], LoadedModel.Open(files.File_("merged")).Labels);
    }

    [Fact]
    public async Task Runs_are_described_run_and_taken_up()
    {
        var (adapter, folder) = (files.File_("described"), files.File_("recipe-run"));
        await Described(files.Model, adapter, TestContext.Current.CancellationToken);
        var recipe = files.File_("recipe.yaml");
        File.WriteAllText(recipe, $"base_model: {files.Model}\nmethod: lora\ndata: {files.Train}\nmax_steps: 3\ncompute: fp32\n");
        Assert.True(Written(recipe, folder, new Narrator(), TestContext.Current.CancellationToken));
        Assert.Equal(["negative", "positive", "question"], Continued(files.Model, adapter));
        Measured(files.Model, files.Train, TestContext.Current.CancellationToken);
        Assert.Equal(["film", "positive"], Several(files.Model));
        Assert.Equal(0, Compared(files.Model, files.Train, files.File_("compared")));
    }

    private async Task Described(string model, string adapter, CancellationToken cancellation)
    {
        using var data = TextDataset.Load(files.Train);
        var rows = data.Examples.Select(row => (row.Text, data.LabelNames![row.Label])).ToList();
        var progress = new Progress<StepReport>();
        using var run = await FineTuning.Of(model).With(new LoraOptions { Rank = 8 }).On(rows).HoldOut(0.25).Epochs(5)
            .RunAsync(progress, cancellation);
        Console.WriteLine($"{run.Parameters.Text}; accuracy {run.Scores!.Values["accuracy"]:P1}");
        run.Save(adapter);
    }

    private static bool Written(string recipe, string folder, RunObserver observer, CancellationToken cancellation)
    {
        using var first = Recipe.Load(recipe).Seed(7).To(folder).Run(observer, cancellation);
        using var whole = Run.Resume(folder, observer);
        return whole.WasFinished;
    }

    private static IEnumerable<string?> Continued(string model, string adapter)
    {
        using var more = FineTuning.Of(model).Continue(adapter).On([("the film is good", "positive"), ("is the film good", "question")])
            .Steps(20).Run();
        return more.Report["labels"]!.AsArray().Select(label => (string?)label);
    }

    private static IEnumerable<string?> Several(string model)
    {
        (string, string[])[] comments =
            [("the film is good", ["film", "positive"]), ("a dull book", []), ("a nice film", ["film", "positive"])];
        using var several = FineTuning.Of(model).On(comments).Steps(20).Run();
        return several.Report["labels"]!.AsArray().Select(label => (string?)label);
    }

    private static int Compared(string model, string data, string folder)
    {
        var plan = ComparisonPlan.Of(model, [data], ["lora", "bitfit"]) with { Seeds = [42, 43] };
        plan.Common["split_shares"] = "0.75,0.25";
        var comparison = Comparison.Run(plan, folder);
        foreach (var summary in comparison.Summaries)
            Console.WriteLine($"{summary.Method}: {summary.Mean:0.000} ± {summary.Deviation:0.000}");
        return comparison.Open;
    }

    private static void Train(string folder, string file, string output)
    {
        var data = TextDataset.Load(file);                                                // finds the label names
        var model = new PeftModel(ModelLoader.Load(folder, ModelOptions.For(data)), folder);
        var adapter = model.Add(new LoraOptions { Rank = 8, Alpha = 16 });
        var tokenizer = Tokenizer.Load(folder);
        var rows = TokenizedDataset.Create(data, new TokenizerTextEncoder(tokenizer), maxLength: 32);
        var batches = new PlannedBatches(rows, new BatchPlan(rows.Lengths, batchSize: 16, BatchOrder.Bucketed, seed: 42));
        using var trainer = new Trainer(new TrainableAdapter(model, adapter), batches,
            new TrainerOptions { LearningRate = 5e-3, Epochs = 2 });
        trainer.Run();
        AdapterFolder.Save(adapter, output, tokenizer: tokenizer);
    }

    private static string? Answer(string output)
    {
        using var predictor = Predictor.Load(output);
        var answer = predictor.Predict("the film is very good");
        Console.WriteLine($"{answer.Label}: {answer.Probability:P1}");
        return answer.Label;
    }

    private static void Merge(string folder, string output, string merged)
    {
        using var loaded = LoadedModel.Open(folder, output, new LoadOptions { Dense = true });
        var merge = MergedModel.Write(loaded, merged);
        Console.WriteLine($"merged answers equal the adapter's to {merge.LargestDifference:0.0e+0}");
    }

    private static void AnswerAll(string folder, string output, string file)
    {
        using var asked = LoadedModel.Open(folder, output);
        var answers = Answers.Of(asked, TextDataset.FromTexts(["the film is good", "the plot is bad"], "by hand"));
        answers.Write(file);                                                              // .jsonl, .tsv or .csv
    }

    private static void Measured(string model, string data, CancellationToken cancellation)
    {
        using var prepared = FineTuning.Of(model).On(data).HoldOut(0.25).Steps(3).Prepare();
        var evaluator = new Evaluator(prepared.Model, AdapterSelection.Of(prepared.Adapter.Tag), prepared.Held!, prepared.Metrics);
        var before = evaluator.Evaluate(cancellation);
        using var run = prepared.Run();
        Console.WriteLine($"{before.Values["accuracy"]:P1} before, {run.Scores!.Values["accuracy"]:P1} after");
    }

    internal sealed class Narrator : RunObserver
    {
        public override void Remark(string sentence) => Console.Error.WriteLine(sentence);

        public override void StepCompleted(StepReport step) =>
            Console.Error.WriteLine($"{step.Step}/{step.TotalSteps}: loss {step.Loss:0.000}");
    }
}
