using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Runs;
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
        Merge(folder, output, files.File_("merged"));
        Assert.Equal(["negative", "positive"], LoadedModel.Open(files.File_("merged")).Labels);
    }

    private static void Train(string folder, string file, string output)
    {
        var data = TextDataset.Load(file);                                                // finds the label names
        var model = new PeftModel(ModelLoader.Load(folder, ModelOptions.For(data)), folder);
        var adapter = model.Add(new LoraOptions { Rank = 8, Alpha = 16 });
        var tokenizer = Tokenizer.Load(folder);
        var rows = TokenizedDataset.Create(data, new TokenizerTextEncoder(tokenizer), maxLength: 32);
        var batches = new PlannedBatches(rows, new BatchPlan(rows.Lengths, batchSize: 16, BatchOrder.Bucketed, seed: 42));
        using var trainer = new Trainer(new TrainableAdapter(model, adapter), batches, new TrainerOptions { LearningRate = 5e-3, Epochs = 2 });
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
        loaded.Model.Merge(loaded.Adapter!.Name);
        ModelWriter.Write(loaded.Model.Model, merged, card: loaded.Card);
        loaded.Tokenizer()?.Save(merged);
    }
}
