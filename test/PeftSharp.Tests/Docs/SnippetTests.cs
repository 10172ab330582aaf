using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Tokenization;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The README's snippets, word for word: that they stand here is what compiles them, and a test compares the texts.</summary>
public sealed class SnippetTests
{
    [Fact]
    public void Snippets_Of_The_Readmes_Are_The_Code_Below()
    {
        var root = FindRoot();
        Assert.SkipWhen(root is null, "The repository's README is not above the test's folder.");
        var source = Squeeze(File.ReadAllText(Path.Combine(root, "test", "PeftSharp.Tests", "Docs", "SnippetTests.cs")));
        foreach (var readme in (string[])["README.md", "README.ko.md"])
        {
            var parts = File.ReadAllText(Path.Combine(root, readme)).Split("<!-- snippet: ").Skip(1).ToList();
            Assert.Equal(3, parts.Count);
            foreach (var part in parts)
            {
                var code = part.Split("```csharp\n")[1].Split("```")[0];
                Assert.Contains(Squeeze(code), source);
            }
        }
    }

    internal static string Squeeze(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    internal static string? FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "PeftSharp.slnx"))) return folder.FullName;
        return null;
    }

    internal static PeftModel Train(string folder)
    {
        var model = new PeftModel(ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["negative", "positive"] }));
        var adapter = model.Add(new LoraOptions { Rank = 8, Alpha = 16, Dropout = 0.1 });
        var encoder = new TokenizerTextEncoder(Tokenizer.Load(folder));
        var rows = TokenizedDataset.Create(TextDataset.Load("train.tsv"), encoder, maxLength: 128);
        var batches = new PlannedBatches(rows, new BatchPlan(rows.Lengths, batchSize: 32, BatchOrder.Bucketed, seed: 42));
        using var trainer = new Trainer(new TrainableAdapter(model, adapter), batches, new TrainerOptions { LearningRate = 5e-4, Epochs = 3 });
        trainer.Run();
        AdapterFolder.Save(adapter, "my-adapter", AdapterFormat.Peft);
        return model;
    }

    internal static TorchSharp.torch.Tensor Serve(PeftModel model, TokenBatch batch)
    {
        AdapterFolder.Open("adapters/support").LoadInto(model, "support");
        AdapterFolder.Open("adapters/billing").LoadInto(model, "billing");
        var logits = model.Forward(batch, model.SelectPerRow(["support", "billing", null])).Logits;
        return logits;
    }

    internal static void Merge(PeftModel model)
    {
        model.Merge("support");
        ModelWriter.Write(model.Model, "merged-model");
        model.Unmerge();
    }
}
